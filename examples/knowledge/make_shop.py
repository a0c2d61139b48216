"""Makes the database of the example: a table of shoes."""

import sqlite3
from contextlib import closing
from pathlib import Path

GOODS = [
    ("Giày thể thao Bão", 450_000, 12),
    ("Giày da công sở", 890_000, 3),
    ("Dép đi biển", 120_000, 0),
    ("Ủng đi mưa trẻ em", 160_000, 7),
]


def main() -> None:
    with closing(sqlite3.connect(Path(__file__).with_name("shop.db"))) as database:
        database.execute("DROP TABLE IF EXISTS goods")
        database.execute("CREATE TABLE goods (name TEXT, price INTEGER, stock INTEGER)")
        database.executemany("INSERT INTO goods VALUES (?, ?, ?)", GOODS)
        database.commit()


if __name__ == "__main__":
    main()
