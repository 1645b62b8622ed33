"""How calls come in and answers go out, whatever they are: the methods are in `node.rpc`, by namespace."""
