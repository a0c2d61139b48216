"""The scripted learner's stock of phrases. `{}` is what was asked for, `{me}` the learner."""

import re
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Phrases:
    """Ways to say a thing in one language, by situation."""

    ready: tuple[str, ...]
    word: tuple[str, ...]
    sentence: tuple[str, ...]
    scene: tuple[str, ...]
    recalled: tuple[str, ...]
    retry: tuple[str, ...]
    retry_sentence: tuple[str, ...]
    guess: tuple[str, ...]
    unsure: tuple[str, ...]
    hard: tuple[str, ...]
    stuck: tuple[str, ...]
    go_on: tuple[str, ...]
    goodbye: tuple[str, ...]
    stay: tuple[str, ...]
    yes: tuple[str, ...]
    puzzled: tuple[str, ...]
    listening: tuple[str, ...]
    silence: tuple[str, ...]
    tangent: tuple[str, ...]
    off_topic: tuple[str, ...]
    impatient: tuple[str, ...]
    hesitant: tuple[str, ...]
    insist: str


PHRASES = {
    "vi": Phrases(
        ready=("Sẵn sàng rồi!", "{me} sẵn sàng rồi, bắt đầu thôi.", "Rồi, bắt đầu đi!"),
        word=("{}", "{}!", "Để {me} thử: {}.", "{}, đúng không?", "{}. Từ này dễ nhớ ghê."),
        sentence=("{}", "Để {me} thử nhé: {}", "Câu này hay. {}"),
        scene=("{}", "Hi! {}", "Để {me} đáp nhé: {}"),
        recalled=("{}.", "Là {}, đúng không?", "À, {me} nhớ rồi: {}.", "{me} nghĩ là {}."),
        retry=("À, {}.", "{}, lần này đúng chưa?", "{}! Giờ thì nhớ rồi."),
        retry_sentence=("Ừ nhỉ. {}", "{me} thử lại nhé: {}", "{} Lần này đúng chưa?"),
        guess=("Hình như là {}?", "Là {} phải không?"),
        unsure=(
            "Ơ, {me} quên mất rồi.",
            "Khó quá, {me} chưa nhớ được.",
            "{me} không nhớ, gợi ý cho {me} với.",
        ),
        hard=(
            "Khó đọc quá, nói lại giúp {me} với!",
            "Ơ, {me} chưa kịp. Nhắc lại một lần nữa nhé?",
        ),
        stuck=("{me} phải nói thế nào nhỉ?", "Ơ, bí quá, gợi ý cho {me} với!"),
        go_on=(
            "Có, {me} học tiếp nhé!",
            "Học tiếp đi, đang vui mà.",
            "Có chứ, {me} vẫn còn thời gian.",
        ),
        goodbye=(
            "Cảm ơn nhé, hôm nay vui lắm. Tạm biệt!",
            "Tạm biệt, hẹn gặp lại! {me} sẽ ôn bài.",
            "Cảm ơn nhiều, tạm biệt nhé!",
        ),
        stay=("À, {me} vẫn còn thời gian, học tiếp nhé!", "Hay là mình học thêm bài nữa đi!"),
        yes=("Có.", "Có chứ!", "Ừ, đúng rồi.", "Vâng, được."),
        puzzled=(
            "{me} chưa rõ lắm, nói thêm một chút được không?",
            "Câu này khó, cho {me} một ví dụ được không?",
            "{me} không chắc nữa. Theo bạn thì sao?",
        ),
        listening=(
            "{me} hiểu rồi. Tiếp theo là gì?",
            "Hay quá, nói tiếp đi!",
            "Ừ, {me} đang nghe đây.",
            "Thú vị thật! Cho {me} một ví dụ được không?",
        ),
        silence=("Alo, bạn còn đó không?", "Mình chưa nhận được gì cả."),
        tangent=(
            "À, hôm nay {me} được đi xem phim đấy!",
            "Nhà {me} có con mèo, nó ngủ suốt ngày.",
            "Bạn có thích bóng đá không?",
        ),
        off_topic=(
            "Thôi, kể chuyện gì vui đi.",
            "Bạn có biết chơi cờ không?",
            "Mình nói chuyện khác đi.",
        ),
        impatient=("{}. Nhanh hơn được không?", "{}. Tới phần khó hơn đi."),
        hesitant=("Ờ… {}?", "{me} không chắc, {} hả?"),
        insist="{} Nghe rõ chưa?",
    ),
    "en": Phrases(
        ready=("I'm ready!", "Yes, let's start.", "Ready!"),
        word=("{}", "{}!", "Let me try: {}.", "{}, right?"),
        sentence=("{}", "Let me try: {}", "OK. {}"),
        scene=("{}", "Hi! {}", "Well, {}"),
        recalled=("{}.", "I think it is {}.", "It's {}, right?"),
        retry=("Ah, {}.", "{}, is that right?", "{}! Now I remember."),
        retry_sentence=("Ah, {}", "Let me try again: {}", "{} Is that right?"),
        guess=("Maybe {}?", "Is it {}?"),
        unsure=(
            "Sorry, I don't remember.",
            "That is difficult for me.",
            "I don't know. Can you give me a hint?",
        ),
        hard=("That is hard to say. Please repeat.", "Sorry, can you say it again?"),
        stuck=("How do I say it?", "Hmm, can you help me?"),
        go_on=("Yes, let's continue!", "Yes, I want to learn more.", "Sure, go on!"),
        goodbye=("Thank you! Goodbye.", "Thanks for the lesson. See you!", "Bye! See you soon."),
        stay=("Oh, I still have time. Let's continue!", "Can we do another lesson?"),
        yes=("Yes.", "Yes, of course.", "Yes, I think so.", "Sure."),
        puzzled=(
            "I'm not sure. Could you give me an example?",
            "Sorry, can you explain that?",
            "I don't know yet. What do you think?",
        ),
        listening=("I see. What's next?", "OK, please go on.", "Interesting! Tell me more."),
        silence=("Hello, are you there?", "I didn't get your message."),
        tangent=(
            "By the way, I have a cat.",
            "Do you like football?",
            "I saw a good film yesterday.",
        ),
        off_topic=("Let's talk about something else.", "Can you play chess?", "Tell me a story."),
        impatient=("{}. Can we go faster?", "{}. Something harder, please."),
        hesitant=("Um… {}?", "I'm not sure. {}?"),
        insist="{} OK?",
    ),
}


class Topic(NamedTuple):
    """A question that everybody can answer for himself."""

    pattern: re.Pattern[str]
    vi: tuple[str, ...]
    en: tuple[str, ...]


def _topic(pattern: str, vi: tuple[str, ...], en: tuple[str, ...]) -> Topic:
    return Topic(re.compile(pattern, re.IGNORECASE), vi, en)


TOPICS = (
    _topic(
        r"\btên\b|your name|who are you",
        ("{me} tên là Lan.", "Lan, tên {me} là Lan."),
        ("My name is Lan.", "I'm Lan."),
    ),
    _topic(
        r"bao nhiêu tuổi|mấy tuổi|how old|your age",
        ("{me} hai mươi tuổi.", "Năm nay {me} hai mươi."),
        ("I am twenty years old.", "I'm twenty."),
    ),
    _topic(
        r"ở đâu|đến từ|quê|where (are|do) you (come |live )?|where .*(from|live)",
        ("{me} ở Hà Nội.", "Nhà {me} ở Hà Nội."),
        ("I live in Hanoi.", "I'm from Hanoi, Vietnam."),
    ),
    _topic(
        r"giúp (được )?gì|help you|can i do for you|hỗ trợ (gì|được)",
        ("{me} muốn học tiếng Anh giao tiếp.", "{me} muốn luyện nói tiếng Anh một chút."),
        ("I want to practise my English, please.", "I would like to learn some new words."),
    ),
    _topic(
        r"khỏe không|cảm thấy thế nào|how are you|how do you feel|how's it going",
        ("{me} khỏe, cảm ơn nhé!", "{me} khỏe lắm, còn bạn?"),
        ("I'm fine, thank you. And you?", "I'm good, thanks!"),
    ),
    _topic(
        r"(món|ăn|uống) .*gì|thích (ăn|uống)|food|\beat\b|\bdrink\b|breakfast|lunch|dinner",
        ("{me} thích phở và trà đá.", "{me} hay ăn phở."),
        ("I like pho and iced tea.", "I often eat pho."),
    ),
    _topic(
        r"thời tiết|weather",
        ("Hôm nay trời nắng.", "Trời hơi nóng."),
        ("It is sunny today.", "It's a little hot."),
    ),
    _topic(
        r"nghề|công việc|đi làm|\bjob\b|do you do\b|do for a living|\bstudent\b",
        ("{me} là sinh viên.", "{me} còn đi học."),
        ("I am a student.", "I'm still at university."),
    ),
    _topic(
        r"gia đình|anh chị em|family|brother|sister",
        ("Nhà {me} có bốn người.", "{me} có một chị gái."),
        ("There are four people in my family.", "I have one sister."),
    ),
    _topic(
        r"sở thích|rảnh|thích .*gì|hobb|free time|like to do|favou?rite|weekend",
        ("{me} thích nghe nhạc.", "Lúc rảnh {me} hay nghe nhạc và đọc sách."),
        ("I like listening to music.", "In my free time I read books."),
    ),
    _topic(
        r"tại sao|vì sao|\bwhy\b",
        ("Vì {me} thấy thú vị.", "Vì {me} muốn nói tiếng Anh tốt hơn."),
        ("Because it is interesting.", "Because I want to speak English better."),
    ),
)
