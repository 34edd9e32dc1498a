"""Consoles: ale-py's C++ emulators, many at once, with screens, waiting and colours of ours around them."""
