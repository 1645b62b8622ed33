"""The Substrate host API, a module a group: what runtimes may ask of the node."""
