"""What steps did, told as rows of orders, fills, decisions and equity, and held against the laws of money."""
