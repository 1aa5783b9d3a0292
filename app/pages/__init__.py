"""The pages: one module or package a noun, named as its templates and its URL."""
