"""From pipeline text to definitions and the SQL that runs them; touches no database."""
