"""A line for each check, and how many were wrong."""


class Checks:
    """Prints checks as they are made."""

    def __init__(self):
        self.count = self.wrong = 0

    def __call__(self, what, is_right, says=""):
        """Notes a check; `says` is shown if it is wrong."""
        self.count += 1
        self.wrong += not is_right
        says = " ".join(str(says).split())[:300]
        print(f"{'right' if is_right else 'WRONG'}  {what}{'' if is_right or not says else ': ' + says}", flush=True)

    def relay(self, text):
        """Takes over lines that another process has printed in this form."""
        for line in text.splitlines():
            if line.startswith(("right  ", "WRONG  ")):
                self.count += 1
                self.wrong += line.startswith("WRONG")
                print(line, flush=True)
