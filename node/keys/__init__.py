"""Keys on this machine: kept in files, described for people, searched for, and found for a node to author with."""
