"""What a strategy would have done on past days, told as truly as the data allow."""
