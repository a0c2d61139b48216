"""What the demo robot teaches: small units of three words, one sentence, one scene."""

from typing import NamedTuple


class Word(NamedTuple):
    """An English word; `also` lists further Vietnamese answers that count as its meaning."""

    en: str
    vi: str
    tip: str
    clue: str
    also: tuple[str, ...] = ()


class Unit(NamedTuple):
    """A unit; `key` is the word of `sentence` that the learner may exchange for another."""

    topic: str
    words: tuple[Word, Word, Word]
    sentence: str
    meaning: str
    key: str
    frame: str
    scene: str
    question: str
    reaction: str

    def example(self) -> str:
        """The sentence with another word of the unit in it."""
        other = next(word.en for word in self.words if word.en != self.key)
        return self.sentence.replace(self.key, other)


DRINKS = Unit(
    topic="gọi đồ uống",
    words=(
        Word(
            "juice",
            "nước ép",
            "Cuối từ có âm /s/, bạn đừng bỏ quên nhé.",
            "thức uống vắt từ trái cây",
            ("nước trái cây", "nước hoa quả"),
        ),
        Word(
            "milk",
            "sữa",
            "Nhớ bật âm /k/ ở cuối.",
            "thức uống màu trắng, thường lấy từ con bò",
        ),
        Word(
            "tea",
            "trà",
            "Âm /iː/ đọc dài ra một chút.",
            "thức uống pha từ lá, nóng hay đá đều ngon",
            ("chè",),
        ),
    ),
    sentence="I would like some tea, please.",
    meaning="Cho mình một ít trà nhé.",
    key="tea",
    frame="I would like some …",
    scene="Mình là người phục vụ, bạn là khách.",
    question="Hello! What would you like?",
    reaction="Here you are!",
)

FAMILY = Unit(
    topic="giới thiệu gia đình",
    words=(
        Word(
            "mother",
            "mẹ",
            "Chữ th đọc là /ð/, đầu lưỡi chạm nhẹ vào răng trên.",
            "người đã sinh ra mình",
            ("má",),
        ),
        Word(
            "father",
            "bố",
            "Âm đầu /f/ đọc như chữ ph, còn th đọc là /ð/.",
            "chồng của mẹ",
            ("ba", "cha"),
        ),
        Word(
            "sister",
            "chị gái",
            "Em gái cũng dùng từ này luôn.",
            "con gái, cùng bố mẹ với mình",
            ("em gái", "chị", "chị em gái"),
        ),
    ),
    sentence="This is my sister.",
    meaning="Đây là chị gái mình.",
    key="sister",
    frame="This is my …",
    scene="Mình đang xem ảnh gia đình bạn và chỉ vào một người.",
    question="Who is this?",
    reaction="What a lovely family!",
)

WEATHER = Unit(
    topic="nói về thời tiết",
    words=(
        Word(
            "sunny",
            "trời nắng",
            "Chữ u ở đây đọc là /ʌ/, gần giống âm ă.",
            "kiểu trời mà ra đường phải đội mũ, đeo kính râm",
            ("nắng",),
        ),
        Word(
            "rainy",
            "trời mưa",
            "Hai chữ ai đọc là /eɪ/, gần giống âm ây.",
            "kiểu trời mà ra đường phải mang ô",
            ("mưa",),
        ),
        Word(
            "cold",
            "lạnh",
            "Cuối từ có âm /d/, bạn bật nhẹ nhé.",
            "lúc phải mặc áo ấm, quàng khăn",
            ("rét",),
        ),
    ),
    sentence="It is sunny today.",
    meaning="Hôm nay trời nắng.",
    key="sunny",
    frame="It is …",
    scene="Mình ở xa gọi điện hỏi thăm bạn.",
    question="What is the weather like today?",
    reaction="Oh, I see. Take care!",
)

FRUIT = Unit(
    topic="mua trái cây",
    words=(
        Word(
            "apple",
            "quả táo",
            "Âm đầu là /æ/, miệng mở rộng nhé.",
            "loại quả tròn, đỏ hoặc xanh, ăn giòn",
            ("táo",),
        ),
        Word(
            "banana",
            "quả chuối",
            "Nhấn vào âm tiết thứ hai: ba-NA-na.",
            "loại quả dài, vỏ vàng, khỉ rất thích",
            ("chuối",),
        ),
        Word(
            "orange",
            "quả cam",
            "Hai chữ ge ở cuối đọc là /dʒ/.",
            "loại quả tròn, mọng nước, nhiều vitamin C",
            ("cam",),
        ),
    ),
    sentence="How much is this apple?",
    meaning="Quả táo này bao nhiêu tiền?",
    key="apple",
    frame="How much is this …",
    scene="Mình là người bán hàng, bạn hỏi giá một loại quả.",
    question="Good morning! Can I help you?",
    reaction="It is one dollar.",
)

SCHOOL = Unit(
    topic="mượn đồ dùng học tập",
    words=(
        Word(
            "book",
            "quyển sách",
            "Âm /ʊ/ đọc ngắn, cuối từ có âm /k/.",
            "thứ có nhiều trang để mình đọc",
            ("sách",),
        ),
        Word(
            "pencil",
            "bút chì",
            "Nhấn vào âm tiết đầu: PEN-cil.",
            "thứ dùng để viết, viết sai thì tẩy được",
            ("viết chì",),
        ),
        Word(
            "ruler",
            "thước kẻ",
            "Âm /uː/ đọc dài ra nhé.",
            "thứ dùng để đo và vạch đường thẳng",
            ("thước",),
        ),
    ),
    sentence="May I borrow your pencil?",
    meaning="Mình mượn bút chì của bạn được không?",
    key="pencil",
    frame="May I borrow your …",
    scene="Mình là bạn cùng bàn, bạn muốn mượn mình một thứ.",
    question="What do you need?",
    reaction="Sure, here you are!",
)

UNITS: tuple[Unit, ...] = (DRINKS, FAMILY, WEATHER, FRUIT, SCHOOL)
WORDS: dict[str, Word] = {word.en: word for unit in UNITS for word in unit.words}
