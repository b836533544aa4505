package history

import "whittle.dev/whittle/internal/database"

// DefaultFile is the file that keeps this user's history.
func DefaultFile() (string, error) { return database.DefaultFile("history") }
