"""Tests of the command methods, and the tables of rows that tests of every host share."""
