"""The audit of coverage: which table of which city and day is missing, thin or made of what is no longer so."""
