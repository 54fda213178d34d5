"""What the record service needs beside a database: schemas, and who wakes its watchers."""
