// Package imports imports modules of Python on paper: with the search path that
// a process would have ([Finder]), statement by statement ([Importer]), with
// what code does to the path, to modules and to packages in between. A failure
// carries its statement; what the text does not show is a doubt.
//
// https://docs.python.org/3/reference/import.html
package imports
