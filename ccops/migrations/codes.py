"""What each finding of the migration gate means (SARIF rules and `ccops explain`)."""

from __future__ import annotations

CODES = {
    "ALEMBIC_EMPTY": "The project has no revisions: nothing was looked at.",
    "ALEMBIC_HEADS": "More than one revision is followed by none: `upgrade head` does not know where to go.",
    "ALEMBIC_NO_HEAD": "Every revision is followed by another: the graph goes round.",
    "ALEMBIC_BASES": "More than one revision follows nothing: the history begins twice.",
    "ALEMBIC_MISSING_PARENT": "A revision follows one that is in no file.",
    "ALEMBIC_DEPENDS_UNKNOWN": "A revision depends on one that is in no file and on no branch label.",
    "ALEMBIC_DUPLICATE_ID": "Two files have the same revision id; Alembic warns and takes one of them.",
    "ALEMBIC_CYCLE": "Revisions follow each other in a circle.",
    "ALEMBIC_SELF_LOOP": "A revision follows itself.",
    "ALEMBIC_REDUNDANT_MERGE": "A merge joins a revision with one of its own ancestors.",
    "ALEMBIC_ID_LONG": "The id does not fit into the 32 characters of alembic_version.",
    "ALEMBIC_ID_PREFIX": "One id begins another: a shortened id on the command line means both.",
    "ALEMBIC_DOCSTRING": "The docstring's Revises line does not say what down_revision says.",
    "ALEMBIC_DYNAMIC": "A name is computed: the graph can't be known without running the file.",
    "ALEMBIC_NO_REVISION": "A file among the migrations is none; Alembic stops at it.",
    "ALEMBIC_SYNTAX": "A migration file is no Python.",
    "ALEMBIC_CONFLICT": "A migration file holds an unresolved merge conflict.",
    "ALEMBIC_UNREADABLE": "A migration file can't be read.",
    "ALEMBIC_EDITED": "A released migration was edited: databases that have it will never see the change.",
    "ALEMBIC_DELETED": "A released migration is gone: databases that have it can neither go up nor down.",
    "ALEMBIC_NOT_FROM_BASE": "A new revision does not follow the head of the base branch.",
    "ALEMBIC_DB_BEHIND": "The database has not run all migrations.",
    "ALEMBIC_DB_UNKNOWN": "The database is at a revision that is in no file: deployed from another branch?",
    "ALEMBIC_DB_ROWS": "alembic_version holds several rows.",
    "ALEMBIC_DB_EMPTY": "The database was never migrated: there is no alembic_version, or it is empty.",
}
