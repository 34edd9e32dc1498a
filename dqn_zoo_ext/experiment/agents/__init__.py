"""What is done with a trained agent: loaded, evaluated, filmed, told on a page, packed for the Hub, fetched from it."""
