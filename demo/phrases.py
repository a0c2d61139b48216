"""What the demo robot says: about a task, and its small talk, varied by counters."""

from collections.abc import Sequence
from typing import NamedTuple

from demo.units import WORDS, Unit, Word


class Exercise(NamedTuple):
    """`kind` is `word`, `sentence`, `scene`, `warm-up`, `recall` or `meaning`."""

    unit: Unit
    kind: str
    english: str
    """The word that it is about; empty for a sentence or a scene."""

    @property
    def word(self) -> Word:
        return WORDS[self.english]


def pick(phrases: Sequence[str], number: int) -> str:
    return phrases[number % len(phrases)]


def model(task: Exercise) -> str:
    """The right answer, without its full stop."""
    if task.kind == "sentence":
        return task.unit.sentence.rstrip(".")
    if task.kind == "scene":
        return task.unit.example().rstrip(".")
    return task.word.vi if task.kind == "meaning" else task.english


def correct_answer(task: Exercise) -> str:
    """What a nearly right answer should have looked like; in a scene the ending was theirs."""
    return task.unit.frame if task.kind == "scene" else model(task)


def ask(task: Exercise, number: int) -> str:
    """Sets the task; `number` varies the words."""
    unit = task.unit
    if task.kind == "word":
        return _teach(task, number)
    if task.kind == "sentence":
        return f"{pick(_TO_SENTENCE, number)} “{unit.sentence}” (nghĩa là “{unit.meaning}”)"
    if task.kind == "scene":
        return (
            f"{pick(_TO_SCENE, number)} {unit.scene} “{unit.question}” "
            f"Bạn đáp cả câu, bắt đầu bằng “{unit.frame}”"
        )
    return _question(task, number)


def _teach(task: Exercise, number: int) -> str:
    word, place = task.word, task.unit.words.index(task.word)
    lead, say = pick(_TO_WORD[place], number), pick(_SAY, number + place)
    return f"{lead} “{word.en}”, nghĩa là “{word.vi}”. {word.tip} {say} “{word.en}”."


def _question(task: Exercise, number: int) -> str:
    word = task.word
    if task.kind == "warm-up":
        return f"Khởi động bằng từ cũ đã: “{word.vi}” tiếng Anh là gì, bạn còn nhớ không?"
    if task.kind == "recall":
        return f"{pick(_TO_REVIEW, number)} “{word.vi}” tiếng Anh là gì nhỉ?"
    return f"{pick(_TO_LAST, number)} “{word.en}” tiếng Việt nghĩa là gì?"


def explain(task: Exercise) -> str:
    """For a learner who asks what it means or wants to hear it again."""
    unit = task.unit
    if task.kind == "word":
        word = task.word
        return f"Được chứ, “{word.en}” là “{word.vi}”: {word.clue}. Giờ bạn nói “{word.en}” nhé."
    if task.kind == "sentence":
        return f"Được chứ. Câu này nghĩa là “{unit.meaning}” Bạn nói: “{unit.sentence}”"
    return f"Mình gợi ý nhé. {hint(task)}"


def hint(task: Exercise) -> str:
    """Help after a wrong answer; it always says again what is asked."""
    unit = task.unit
    if task.kind == "word":
        letters = "-".join(task.english.upper())
        return f"Từ này viết là {letters}. Bạn nói lại “{task.english}” nhé."
    if task.kind == "sentence":
        return f"Bạn nói lại cả câu nào: “{unit.sentence}”"
    if task.kind == "scene":
        options = ", ".join(word.en for word in unit.words[:2]) + f" hoặc {unit.words[2].en}"
        return f"“{unit.question}” Bạn bắt đầu bằng “{unit.frame}” rồi thêm {options} nhé."
    return _hint_review(task)


def _hint_review(task: Exercise) -> str:
    word = task.word
    if task.kind == "meaning":
        return f"Đó là {word.clue}. Vậy “{word.en}” tiếng Việt nghĩa là gì?"
    first, last = word.en[0].upper(), word.en[-1].upper()
    return (
        f"Từ này có {len(word.en)} chữ cái, bắt đầu bằng {first} và kết thúc bằng {last}. "
        f"Vậy “{word.vi}” tiếng Anh là gì?"
    )


def score(marks: str) -> str:
    """`marks` holds a letter a task: `f`irst try, with a `h`int, `m`issed."""
    first, helped, missed = (marks.count(mark) for mark in "fhm")
    if not first + helped:
        return "Hôm nay hơi khó nhỉ, mai mình thử lại là quen ngay."
    if first == len(marks):
        return f"Bạn đúng {first}/{first} câu, câu nào cũng đúng ngay lần đầu."
    parts = [f"{first} câu đúng ngay lần đầu"] if first else []
    parts += [f"{helped} câu đúng sau khi mình gợi ý"] if helped else []
    parts += [f"{missed} câu chưa được"] if missed else []
    return f"Bạn đúng {first + helped}/{len(marks)} câu: {', '.join(parts)}."


def to_revise(words: Sequence[str]) -> str:
    quoted = ", ".join(f"“{word}”" for word in words[:3])
    return f" Bạn nhớ ôn lại {quoted} nhé." if quoted else ""


_TO_WORD = (
    ("Từ đầu tiên là", "Mình bắt đầu với từ", "Mở đầu là từ"),
    ("Từ tiếp theo là", "Từ thứ hai nhé:", "Giờ đến từ"),
    ("Từ thứ ba là", "Còn một từ nữa:", "Từ cuối của bài là"),
)
_SAY = ("Bạn nói theo mình:", "Bạn thử nói xem:", "Mời bạn đọc:", "Đến lượt bạn nói:")
_TO_SENTENCE = (
    "Mình ghép thành câu nhé, bạn nói theo mình:",
    "Đủ từ rồi, giờ bạn đọc cả câu này:",
    "Giờ đến cả câu, bạn nói theo mình:",
)
_TO_SCENE = (
    "Giờ mình đóng vai nhé!",
    "Mình cùng tập nói chuyện nào!",
    "Đến phần vui nhất: đóng vai!",
)
_TO_REVIEW = ("Giờ ôn lại một chút:", "Ôn nhanh nhé:", "Thử trí nhớ nào:")
_TO_LAST = ("Câu cuối, đổi chiều nhé:", "Còn một câu nữa thôi:", "Câu cuối của bài:")
WAITING = (
    "Không sao, bạn cứ chuẩn bị nhé. Khi nào xong, bạn nhắn “sẵn sàng” là mình bắt đầu.",
    "Mình đợi được mà, không vội đâu. Bạn sẵn sàng chưa?",
)
PRAISE = (
    "Chính xác!",
    "Giỏi lắm!",
    "Đúng rồi, nghe tự nhiên lắm!",
    "Tuyệt vời!",
    "Chuẩn luôn!",
    "Hay quá!",
    "Bạn nhớ nhanh thật!",
    "Rất tốt!",
    "Xuất sắc!",
    "Quá ổn!",
    "Không sai chút nào!",
)
AT_LAST = (
    "Thấy chưa, bạn làm được mà!",
    "Lần này thì đúng rồi!",
    "Bạn sửa nhanh lắm, đúng rồi!",
    "Đúng rồi, kiên trì là được!",
)
ALMOST = (
    "Gần chuẩn rồi, viết đúng là",
    "Mình hiểu ý bạn, chỉ lệch một chút thôi. Chuẩn là",
    "Tốt lắm, chỉ cần chỉnh lại một chút:",
)
NOT_YET = (
    "Chưa đúng rồi, mình thử lại nhé.",
    "Ồ, chưa phải đâu.",
    "Chưa chính xác lắm, bạn thử thêm lần nữa nhé.",
)
COMFORT = (
    "Không sao, từ từ thôi.",
    "Bình tĩnh nhé, mình giúp bạn.",
    "Không vội đâu, mình làm cùng bạn.",
)
NEVER_MIND = (
    "Không sao, câu này hơi khó. Đáp án là",
    "Câu này mình để lại ôn sau nhé. Đáp án là",
    "Không sao đâu, lần sau bạn sẽ nhớ. Đáp án là",
)
STILL_HERE = (
    "Mình vẫn ở đây mà, và",
    "Rất vui được nói chuyện tiếp với bạn! Nếu bạn muốn học nữa,",
)
ON_LEAVING = (
    "Cảm ơn bạn, hôm nay vui quá! À, nếu bạn chưa vội,",
    "Chào bạn nhé! À mà nếu bạn còn thời gian,",
)
SEE_YOU = (
    "Ừ, hẹn gặp lại bạn nhé! Muốn học lúc nào thì bạn nhắn “học tiếp” cho mình.",
    "Chúc bạn một ngày vui vẻ! Khi nào rảnh mình lại học cùng nhau nhé.",
    "Tạm biệt bạn! Mình vẫn ở đây, nhắn “học tiếp” là mình có mặt.",
)
