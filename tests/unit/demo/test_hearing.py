import pytest

from demo.hearing import Memory, Wanted, curly, wanted


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Bạn nói theo mình: “juice”.", Wanted("say", "juice")),
        ('Em hãy đọc "apple" nhé', Wanted("say", "apple")),
        ("Nhắc lại: 'I don't know' nào", Wanted("say", "I don't know")),
        ("Please say **banana**.", Wanted("say", "banana")),
        ("Can you say ‘good morning’?", Wanted("say", "good morning")),
        ("Repeat after me: I like apples.", Wanted("say", "I like apples.")),
        ("Em hãy nói: My name is Lan", Wanted("say", "My name is Lan")),
        ("“nước ép” tiếng Anh là gì nhỉ?", Wanted("recall", "nước ép")),
        ("Từ nào tiếng Anh nghĩa là “sữa”?", Wanted("recall", "sữa")),
        ('How do you say "con mèo" in English?', Wanted("recall", "con mèo")),
        ("“milk” tiếng Việt nghĩa là gì?", Wanted("meaning", "milk")),
        ('What does "milk" mean?', Wanted("meaning", "milk")),
        ("Bạn đáp: “I would like some …”", Wanted("frame", "I would like some")),
        ('Điền vào: "This is my ___."', Wanted("frame", "This is my")),
        ("Mình hỏi nhé: “Who is this?”", Wanted("question", "Who is this?")),
        ("Đáp án là “milk”. Giờ bạn nói “tea” nhé.", Wanted("say", "tea")),
        ("Bạn nhớ ôn lại “milk”. Học tiếp không?", None),
        ("Bạn nhắn “học tiếp” cho mình.", None),
        ("Chào bạn!", None),
        ("", None),
    ],
)
def test_what_a_line_asks_for(line: str, expected: Wanted | None) -> None:
    assert wanted(curly(line)) == expected


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
    memory = Memory([curly(line)])
    assert memory.meaning("Milk") == "sữa"
    assert memory.english("sữa") == "milk"


def test_a_question_teaches_nothing() -> None:
    assert Memory(["“milk” nghĩa là gì?"]).meanings == {}


def test_the_latest_fitting_sentence_is_found() -> None:
    memory = Memory(["“I like tea.” “I like milk.” “You like tea.” “I like …”"])
    assert memory.sentence("I like") == "I like milk."
    assert memory.sentence("They like") is None
