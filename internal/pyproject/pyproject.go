// Package pyproject edits the files in which a Python project says what it
// needs, and changes nothing else in them: pyproject.toml, requirements files,
// .dockerignore, and an import that is to be guarded.
package pyproject
