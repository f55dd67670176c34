"""What comes in while a day is lived: every vendor asked at its own pace, the stream beside them, nobody waited for."""
