// Package pep reads what Python's packaging standards define as text: versions
// and specifiers (PEP 440), names (PEP 503), requirements and markers
// (PEP 508), lines of requirements files, tags and names of wheels (PEP 425, PEP 427), and the version
// constraints that Poetry adds to them. It opens no file; any room may use it.
// https://packaging.python.org/en/latest/specifications/
package pep
