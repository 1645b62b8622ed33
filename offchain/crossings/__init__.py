"""What workers do for agents on other chains: reads for their scripts, and the delivery of what their jobs send."""
