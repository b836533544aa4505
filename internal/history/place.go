package history

import "whittle.dev/whittle/internal/database"

// Where is the database of the history that a user named, or this user's file if none is
// named. With offline, one that may be elsewhere is [whittle.ErrEngine].
func Where(named string, offline bool) (string, error) {
	return database.Where(named, "history", offline)
}
