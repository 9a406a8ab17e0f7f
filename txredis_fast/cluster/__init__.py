"""Several nodes with one keyspace: a Redis or Valkey Cluster, whose commands go to the nodes of their keys."""
