"""The answers, room by room; importing one of these modules puts its rows into the table."""
