"""What only one kind of picture needs: digits in colour, rooms of plans, boxes in space."""
