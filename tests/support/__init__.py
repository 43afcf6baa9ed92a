"""What tests share: the code that is not a test, once.

pytest has the folder `tests` on its path, and `children.environment` gives it to the processes that tests start. The
modules know the library by its public names, and by what they look at inside it; they hold no fixtures, which are in
`conftest.py` files.
"""
