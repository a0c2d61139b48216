import pytest

from demo.hearing import Memory, Request, find_request, normalize_quotes


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Bạn nói theo mình: “juice”.", Request("say", "juice")),
        ('Em hãy đọc "apple" nhé', Request("say", "apple")),
        ("Nhắc lại: 'I don't know' nào", Request("say", "I don't know")),
        ("Please say **banana**.", Request("say", "banana")),
        ("Can you say ‘good morning’?", Request("say", "good morning")),
        ("Repeat after me: I like apples.", Request("say", "I like apples.")),
        ("Em hãy nói: My name is Lan", Request("say", "My name is Lan")),
        ("“nước ép” tiếng Anh là gì nhỉ?", Request("recall", "nước ép")),
        ("Từ nào tiếng Anh nghĩa là “sữa”?", Request("recall", "sữa")),
        ('How do you say "con mèo" in English?', Request("recall", "con mèo")),
        ("“milk” tiếng Việt nghĩa là gì?", Request("meaning", "milk")),
        ('What does "milk" mean?', Request("meaning", "milk")),
        ("Bạn đáp: “I would like some …”", Request("frame", "I would like some")),
        ('Điền vào: "This is my ___."', Request("frame", "This is my")),
        ("Mình hỏi nhé: “Who is this?”", Request("question", "Who is this?")),
        ("Đáp án là “milk”. Giờ bạn nói “tea” nhé.", Request("say", "tea")),
        ("Bạn nhớ ôn lại “milk”. Học tiếp không?", None),
        ("Bạn nhắn “học tiếp” cho mình.", None),
        ("Chào bạn!", None),
        ("", None),
    ],
)
def test_what_a_line_asks_for(line: str, expected: Request | None) -> None:
    assert find_request(normalize_quotes(line)) == expected


@pytest.mark.parametrize(
    "line",
    [
        "Từ này là “milk”, nghĩa là “sữa”.",
        "“milk” là “sữa” cơ.",
        '"milk" (sữa)',
        '"milk" có nghĩa là sữa.',
        "“milk”: “sữa”",
        "**milk** – **sữa**",
    ],
)
def test_a_meaning_once_told_is_remembered(line: str) -> None:
    memory = Memory([normalize_quotes(line)])
    assert memory.meaning("Milk") == "sữa"
    assert memory.english("sữa") == "milk"


def test_a_question_teaches_nothing() -> None:
    assert Memory(["“milk” nghĩa là gì?"]).meanings == {}


def test_the_latest_fitting_sentence_is_found() -> None:
    memory = Memory(["“I like tea.” “I like milk.” “You like tea.” “I like …”"])
    assert memory.sentence("I like") == "I like milk."
    assert memory.sentence("They like") is None
