"""JSON-RPC: one file per namespace, one function per method, the function's name is the method's."""
