"""What happened: events, and the state that they fold into. Pure: no file, no clock, no thread."""
