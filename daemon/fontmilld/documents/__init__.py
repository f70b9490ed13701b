"""What a finished project says of itself: the data set card, its Croissant description, the report."""
