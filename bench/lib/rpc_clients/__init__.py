"""Programs that use a daemon through clients of aria2: four libraries, and the command of one of them.

Each is called with the port, the secret, the URL of a file that comes slowly, and one that is refused with status 404. It
prints a line for each check, saves the file as `whole.bin`, removes another download, and ends the daemon.
"""
