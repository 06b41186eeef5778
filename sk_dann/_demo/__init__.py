"""The demo: source-only against DANN, a table, a picture and plain words."""
