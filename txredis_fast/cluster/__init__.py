"""Handlers of a Redis or Valkey Cluster: several nodes, one keyspace."""
