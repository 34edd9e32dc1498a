"""What a person looks at: pages, charts, films, tables."""
