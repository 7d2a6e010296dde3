"""The managed service's recorded runs, reproduced, and which detector ranks labelled rows best."""
