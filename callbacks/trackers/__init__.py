"""Where the lines of a training's log can go besides its folder, each through its own library, an extra."""
