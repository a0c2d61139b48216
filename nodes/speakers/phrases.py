"""Phrase frames of lines that give a model away, Vietnamese and English."""

import re
from functools import lru_cache
from typing import NamedTuple


def _any(*frames: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{frame})" for frame in frames), re.IGNORECASE | re.MULTILINE)


class PhraseFrame(NamedTuple):
    """One phrase to look for. Whatever matches holds one of the words, whole and case-folded, so a
    line without any of them need not be searched.
    """

    pattern: re.Pattern[str]
    words: frozenset[str]


class Frames(NamedTuple):
    """Phrases to look for, and the words of all of them."""

    parts: tuple[PhraseFrame, ...]
    words: frozenset[str]


def _frames(words: str, *frames: str) -> Frames:
    """Each match of a frame holds one of `words`; of these, those that stand in the frame."""
    known = frozenset(words.split())
    return Frames(
        tuple(PhraseFrame(_any(frame), known & _list_literals(frame) or known) for frame in frames),
        known,
    )


def _list_literals(frame: str) -> frozenset[str]:
    """The words in an expression, with and without what may be left out of them."""
    plain = re.sub(r"\\[a-zA-Z]", " ", frame)
    apart = [re.sub(r"\(\?(?:[:=!]|<[=!])", gap, plain) for gap in (" ", "")]
    forms = [form for it in apart for form in (it.replace("?", ""), re.sub(r"[^)\]]\?", "", it))]
    spellings = [re.sub(r"\[(\w)(\w)\]", rf"\{n}", form) for form in forms for n in (1, 2)]
    return frozenset(word for form in spellings for word in re.findall(r"\w+", form.casefold()))


_SPEAKERS = (
    r"assistant|bot|robot|chatbot|ai|user|human|student|learner|teacher|tutor|system|trợ lý"
    r"|người dùng"
    r"|học sinh|học viên|giáo viên|cô|cô giáo|thầy|thầy giáo|narrator"
)


@lru_cache(maxsize=64)
def match_label(name: str) -> re.Pattern[str]:
    """A speaker's label at the beginning of a line; the person's own name is one too."""
    own = f"|{re.escape(name)}" if name else ""
    bracketed = rf"|^[ \t]*\[(?:{_SPEAKERS}{own})\]" if name else ""
    frame = rf"^[ \t*_>]*({_SPEAKERS}{own})[*_]*[ \t]*[:：][*_]*{bracketed}"
    return re.compile(frame, re.IGNORECASE | re.MULTILINE)


@lru_cache(maxsize=64)
def match_turn(name: str) -> re.Pattern[str]:
    """A speaker's label inside a paragraph: "Me: is it a river? You: yes!" """
    own = f"|{re.escape(name)}" if name else ""
    return re.compile(
        rf"(?:\A|[.?!…]\s+)(?:me|you|con|em|{_SPEAKERS}{own})[ \t]*:\s", re.IGNORECASE
    )


_LEARNERS = r"(?:the )?(?:student|learner|user)|học sinh|người học"
_HESITATES = (
    r"suy nghĩ|im lặng|ngập ngừng|do dự|lưỡng lự|gãi đầu|mỉm cười|nhìn (?:vào |lên )?màn hình"
    r"|(?:hesitat|paus|blush|scratch|smil|shrug|mumbl|sigh)(?:e|es|ed|s)"
)
_SAYS = r"nói|đáp|trả lời|hỏi|gõ|says?|said|repl(?:y|ies|ied)|answer(?:s|ed)?|asks?|typ(?:es?|ing)"


@lru_cache(maxsize=64)
def match_narration(name: str) -> re.Pattern[str]:
    """A sentence that tells of the person from outside, most often before it quotes it."""
    own = f"|{re.escape(name)}" if name else ""
    who = rf"\W*(?:{_LEARNERS}{own})"
    return _any(
        rf"{who}\b[^:\n]{{0,80}}\b(?:{_SAYS})\b[^:“\"\n]{{0,30}}[:,]?\s*[“\"]",
        rf"(?:{who}|\W*(?:cậu bé|cô bé|the (?:boy|girl|child)))\b[^:\n]{{0,60}}"
        rf"\b(?:{_HESITATES})\b[^:\n]{{0,60}}\b(?:{_SAYS})\b",
        rf"{who} (?:is|seems|looks|feels|appears|sounds|tỏ ra|có vẻ|cảm thấy|trông)"
        r"(?: \w+)? (?:confused|unsure|uncertain|nervous|hesitant|bối rối|lúng túng|ngập ngừng)\b",
    )


@lru_cache(maxsize=64)
def match_preface(name: str) -> re.Pattern[str]:
    """What announces a line: "Minh would say: …", "As Minh, I would …"."""
    own = f"|{re.escape(name)}" if name else ""
    return _any(
        rf"\b(?:{_LEARNERS}{own}) (?:sẽ|có thể|would|might|could|may|will) (?:{_SAYS})\b"
        r"[^:\n]{0,30}:",
        *([rf"\bas {re.escape(name)},? I(?:'d| would| might| will)\b"] if name else []),
    )


DEFINES = re.compile(r"\s*(nghĩa|nghia|có nghĩa|là|la|means?|is|=)\b", re.IGNORECASE)

CONTROL = _any(
    r"<\|[^|<>\n]{1,40}\|?>", r"</?s>", r"\[/?INST\]", r"<</?SYS>>", r"</?(start|end)_of_turn>",
    r"<(eos|bos|pad|unk)>", r"\[/?(?:s|eos|bos|eot|sep|cls|pad|unk)\]",
    # Nobody types what cannot be seen: zero width, soft hyphens, marks that turn the order.
    r"[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]", r"<｜[^｜\n]{1,40}｜>",
)  # fmt: skip
THOUGHTS = _frames(
    "think thinking thought thoughts reasoning reflection scratchpad suy asking asks wants asked "
    "answer respond reply act behave vai như nghĩ dùng",
    r"</?(think|thinking|thought|reasoning|reflection|scratchpad)>",
    r"^\s*(thoughts?|thinking|reasoning|suy nghĩ)\s*:",
    r"\blet me think about how\b",
    r"\bthe (user|bot|robot|teacher|tutor) (is asking|asks|wants me|asked me)\b",
    r"\bI (should|need to|will|must) (answer|respond|reply|act|behave) (as|like)\b",
    r"\b(mình|tôi|em|con) (cần|phải|sẽ|nên) (đóng vai|nhập vai|trả lời như)\b",
    r"\bđể (?:tôi|mình) nghĩ xem \w+ sẽ (?:trả lời|nói|đáp)\b",
    r"\bngười dùng (?:đang hỏi|muốn mình|muốn tôi|vừa hỏi)\b",
    r"\bđóng vai (học sinh|người học|người dùng)\b",
)
FENCE = re.compile(r"```|~~~")
JSON = _any(
    r"\A\s*[\[{]\s*[\[{]?\s*[\"'][^\"'\n]{1,60}[\"']\s*:",
    r"\A\s*\[\s*[\"'][^\"'\n]{1,80}[\"']\s*[,\]]", r"\\u[0-9a-f]{4}|\\[n\"']",
)  # fmt: skip
TEMPLATE = _any(
    r"\{\{[^{}\n]{0,80}\}\}", r"\$\{[^{}\n]{1,80}\}", r"(?<!\w)\{[^\W\d][\w ]{0,29}\}",
    r"\[(?:your|my|insert|the|tên|họ tên|name|nhập|điền|số|tuổi|lớp|city|age)\b"
    r"[^\]\n]{0,40}\]",
    r"\[(?:teacher|student|user|learner|friend)(?:'s)? (?:name|age)\]",
    r"<(?:your|insert|name|age|city|tên|tuổi|nhập|điền)\b[^<>\n]{0,40}>",
)  # fmt: skip
NOTHING = re.compile(r"\A\s*(undefined|null|none|nan|n/a)\s*\Z", re.IGNORECASE)
NOTE = _frames(
    "note ooc kịch cố vai nhân purpose character intentional intentionally deliberate đích sau "
    "deliberately persona script ghi lưu chú b message line reply respond response say đây learner "
    "answer",
    r"(?:^|[(\[*])\s*(?:note to self|side note|ooc)\b",
    r"[(\[][^()\[\]\n]{0,80}\b(?:kịch bản|cố ý|cố tình|theo vai|nhân vật|on purpose|in character"
    r"|intentional(?:ly)?|deliberate(?:ly)?|the persona|the script)\b",
    r"(?:^|[(\[.!?…])\s*(note|ghi chú|lưu ý|chú thích|n\.b\.)\s*:",
    r"\b(?:sai|lỗi|trả lời)\b.{0,20}\bcó chủ đích\b",
    r"\bthe (?:learner|persona)\b",
    r"\b(?:trả lời|nói|đáp) như sau\b",
    r"\bI(?:'d| would) (?:reply|respond|answer|say)(?: (?:like this|as follows))?\s*:",
    r"\bhere(?:'s| is) (?:what )?\S+.{0,40}\b(?:message|line|reply|response|would say)\b",
    r"\bđây là (?:câu|lời|tin nhắn|dòng)\b.{0,30}\b(?:của|cho)\b.{0,30}:",
    r"\b(?:next|student's|learner's|user's) (?:message|line|reply) (?:is|would be)\b",
)
_CHOICE = r"(?:phương án|lựa chọn|option|version|alternative|response|reply)"
REVIEW = _frames(
    "phương lựa option version alternative response reply chọn choose pick select tóm tổng "
    "đánh nhận phân summary assessment evaluation analysis rating score điểm tutor assistant "
    "chatbot",
    rf"\b{_CHOICE} 1\s*[:.)][\s\S]+\b{_CHOICE} 2\s*[:.)]",
    rf"\b{_CHOICE} a\s*[:.)][\s\S]+\b{_CHOICE} b\s*[:.)]",
    r"[(\[]\s*(?:chọn (?:một|1)|choose one|pick one)\b",
    r"\b(?:choose|pick|select) (?:whichever|one of these|the one that)\b",
    r"\A\W*(?:tóm tắt|tổng kết|đánh giá|nhận xét|phân tích|(?:in )?summary|assessment|evaluation"
    r"|analysis)\b[^.?\n]{0,40}:",
    r"\b(?:rating|score|điểm số|điểm)\s*:\s*\d+\s*/\s*\d+",
    r"\bthe (?:tutor|assistant|chatbot)(?:'s)? (?:response|reply|answer|explanation|feedback)"
    r" (?:was|is)\b",
)
"""Several lines to choose from, and words about the talk as a whole."""
_DOING = (
    r"smil|laugh|paus|think|giggl|sigh|nod|shrug|whisper|look|blush|scratch|wave|grin|shy|nervous"
    r"|mỉm|cười|im lặng|suy nghĩ|nói nhỏ|thì thầm|gãi|gật|lắc|thở|ngập ngừng|ngại|nhìn|vỗ|vẫy"
    r"|bối rối"
)
STAGE = _any(
    rf"\*[^*\n]{{0,60}}(?:{_DOING})[^*\n]{{0,60}}\*",
    rf"(?<!\w)~[^~\n]{{0,60}}(?:{_DOING})[^~\n]{{0,60}}~(?!\w)",
    rf"(?<!\w)_[^_\n]{{0,60}}(?:{_DOING})[^_\n]{{0,60}}_(?!\w)",
    rf"[(\[][^()\[\]\n]{{0,40}}\b(?:{_DOING})[^()\[\]\n]{{0,60}}[)\]]",
)
MARKDOWN = _any(
    r"</[a-z][\w-]{0,30}>", r"<br ?/?>", r"`[^`\n]+`",
    r"\A\s*[a-z_]{2,20}: .{1,200}\n\s*[a-z_]{2,20}: \S",
    r"\A#{1,4} \S", r"\*\*[^*\n]{1,80}\*\*", r"^\|.+\|\s*\n\|[ :|-]+\|",
    r"\]\(https?:", r"(?:\[\d{1,2}\]){2,}|\w\[\d{1,2}\]\.?\s*\Z",
    r"^(?:[-*•]|\d{1,2}[.)]) [^\n]+\n(?:[-*•]|\d{1,2}[.)]) ",
)  # fmt: skip
AS_AN_AI = _frames(
    "ai model assistant chatbot trợ mô tuệ chương phần máy program machine software training "
    "knowledge cảm trải ý feelings emotions experiences preferences consciousness intelligence",
    r"\b(?:tôi|mình|em|con) (?:chỉ )?là (?:một )?(?:chương trình|phần mềm|máy tính|cỗ máy)\b",
    r"\b(?:tôi|mình) không có (?:cảm xúc|ý thức|trải nghiệm cá nhân)\b",
    r"\bI(?:'m| am) (?:just |only )?an? (?:computer )?(?:program|machine|software)\b",
    r"\bmy (?:training data|training|knowledge cut-?off)\b",
    r"\bI (?:don't|do not) have (?:any )?(?:personal |real |human )?(?:feelings|emotions"
    r"|experiences|preferences|consciousness)\b",
    r"\bas an? (?:\w+ )?(?:AI|language model|virtual assistant|assistant|chatbot)\b",
    r"\b(?:as|I(?:'m| am)) an artificial intelligence\b",
    r"\bI(?:'m| am) (?:just |only )?an? (?:\w+ )?(?:AI|language model|virtual assistant|chatbot)\b",
    r"\b(?:tôi|mình|em|con) (?:chỉ )?là (?:một )?(?:trợ lý|AI|mô hình|chatbot|trí tuệ nhân tạo)\b",
    # Who asks "bạn là AI hả" speaks of the bot.
    r"(?<!bạn )(?<!cậu )(?<!robot )(?<!bot )(?<!cô )(?<!thầy )(?<!nó )(?<!đó )(?<!đây )"
    r"\b(?:là|với tư cách là) (?:một )?(?:trợ lý (?:AI|ảo)|mô hình ngôn ngữ|trí tuệ nhân tạo|AI)\b",
)
REFUSES = _frames(
    "sorry unable able t cannot apologise apologize against violate violates outside allowed "
    "phép chính nguyên quy hướng thể năng",
    r"\bI(?:'m| am) sorry,? but I (?:can(?:'|’)?t|cannot|can not)\b",
    r"\bI(?:'m| am) (?:unable|not able) to (?:assist|help|continue|comply|provide|fulfil)",
    r"\bI (?:can(?:'|’)t|cannot) (?:assist|comply|continue|fulfil|provide)",
    r"\bI (?:can(?:'|’)t|cannot) help with (?:that|this) request",
    r"\bI apologi[sz]e\b.{0,40}\b(?:can(?:'|’)?t|cannot|unable)\b",
    r"\b(?:against|violates?|outside|not allowed by) (?:my|our|the) "
    r"(?:guidelines|polic(?:y|ies)|programming|instructions|rules)\b",
    r"(?:xin lỗi|tiếc)[^.?\n]{0,30} không thể (?:giúp (?:bạn|anh|chị) (?:với|về|trong)|đóng vai)\b",
    r"không được phép (?:trả lời|cung cấp|thảo luận|nói về|tạo|thực hiện|chia sẻ)",
    r"(?:vi phạm|trái với) (?:các )?(?:chính sách|nguyên tắc|quy định|hướng dẫn)",
    r"(?:không thể|không có khả năng) (?:hỗ trợ|thực hiện|đáp ứng|tiếp tục|cung cấp) .{0,20}"
    r"(?:yêu cầu|nội dung|vai|cuộc)",
)
OFFERS_HELP = _frames(
    "help assist giúp free hesitate ngần hỗ cần lòng support me any would d thêm",
    r"\b(?:anything|what) else (?:you(?:'d| would)|would you) like to (?:practi[sc]e|learn|know"
    r"|ask|try|discuss|work on|talk about)\b",
    r"\b(?:bạn|em|con) (?:có |còn )?(?:muốn|cần) (?:học|luyện|ôn|hỏi|biết) thêm (?:gì|điều gì"
    r"|phần nào)\b",
    r"\bhow (?:can|may) I (?:help|assist) you\b",
    r"\b(?:tôi|mình|em|cô|thầy) có thể giúp (?:gì|được gì)?\s*(?:cho )?(?:bạn|con|em|anh|chị)\b",
    r"\b(?:feel free|don(?:'|’)t hesitate) to (?:ask|reach|contact)\b",
    r"\bđừng ngần ngại\b",
    r"\b(?:tôi|mình|cô|thầy) (?:ở đây|luôn sẵn sàng|sẵn sàng|rất vui) (?:để )?(?:được )?"
    r"(?:hỗ trợ|giúp|giúp đỡ)\b",
    r"\b(?:else|anything) (?:I can|can I) (?:help|assist)\b",
    r"\b(?:bạn|em|con|anh|chị) (?:có )?cần (?:mình|tôi|cô|thầy) (?:giải thích|giúp|hỗ trợ|hướng dẫn"
    r"|nhắc|nói|làm)",
    r"\bsẵn lòng (?:hỗ trợ|giúp|giải đáp|trả lời)",
    r"\b(?:happy|glad|here) to (?:assist|support you|help you)\b",
    r"\b(?:do|would) you (?:need|like) (?:me to|any (?:more )?(?:help|assistance))\b",
    r"\bI(?:'m| am) here to (?:help|assist|support)\b",
)
PRAISES = _frames(
    "answer question effort try making doing hào khen vui huy sắc chuẩn đúng hay tốt giỏi rõ xác "
    "proud lời correct right perfectly correctly improving",
    r"\b(?:excellent|wonderful|fantastic|perfect|great|good) (?:answer|question|effort|try)\b",
    r"\byou(?:'re| are) (?:making|doing) (?:\w+ ){0,3}(?:progress|job|well|great)\b",
    r"\b(?:cô|thầy) (?:rất |thật )?(?:tự hào|khen|vui)\b",
    r"\b(?:tiếp tục|cố gắng|cứ thế|hãy) phát huy\b",
    r"\btự hào về (?:con|em|bạn|các)\b",
    r"^(?:tốt|giỏi|xuất sắc|chính xác|chuẩn|hay|đúng)(?: rồi)?(?: lắm| quá)(?: đó| đấy)? "
    r"(?:con|em|các con|các em)[,.!]",
    r"\b(?:con|em) (?:phát âm|đọc|nói|trả lời|viết|làm) (?:rất |thật )?(?:chuẩn|đúng|hay|tốt|giỏi"
    r"|rõ"
    r"|chính xác) (?:quá|lắm|đấy)(?!\s*(?:không|hông|hả|chưa|phải|à|\?))",
    r"^đúng rồi(?: đó| đấy)?[,!.]? (?:con|em|bạn) (?:thật |rất )?(?:thông minh|giỏi|tuyệt"
    r"|xuất sắc)\b",
    r"\b(?:so |really |very )?proud of (?:you|your)\b",
    r"\bcâu trả lời của (?:em|con|bạn)\b",
    r"\b(?:bạn|con|em) (?:đã )?(?:trả lời|làm|nói|đọc) (?:rất |thật )?"
    r"(?:đúng|tốt|giỏi|hay|chính xác)(?: rồi| lắm)[!.]",
    r"\bthat(?:'s| is) (?:absolutely |exactly )?(?:correct|right)!",
    r"\byou (?:answered|said|did|got) [^?\n]{1,40}\b(?:perfectly|correctly)\b",
    r"\byour (?:english|vietnamese|spelling) is (?:really |quickly )?improving\b",
)
_ASKS = r"(?![^.!\n]*(?:\?|(?<!\w)(?:đi|không|hông|với|ạ|hả|chưa|gì|sao|mà|rồi)\b))"
EXPLAINS = _frames(
    "dụ example instance dễ ghép thêm đặt chia danh động tính trạng remember blank blanks gap gaps "
    "trống hint gợi hãy way trick tip",
    r"\b(?:nghĩa là|tức là|means|is an?)\b[^?\n]{1,160}\b(?:ví dụ|for (?:example|instance))\b"
    rf"\s*[:,]{_ASKS}",
    r"\bđể dễ nhớ\b.{0,30}\b(?:bạn|em|mình|ta|các \w+) (?:hãy|thử|cứ|có thể|chia|ghép|tách|nên)\b",
    r"\b(?:bạn|em|con) (?:ghép|thêm|đặt|chia) [^?\n]{1,40} là (?:được|đúng|xong)\b",
    r"\blà (?:một )?(?:danh|động|tính|trạng) từ,? (?:và |nó )?(?:có nghĩa|nghĩa là|dùng để|chỉ)\b"
    + _ASKS,
    r"(?<!I )\bremember[,:] (?:we|you)\b",
    r"\bhere(?:'s| is) an? (?:\w+ )?(?:way|trick|tip) to (?:remember|say|learn)\b",
    r"\bfill in the (?:blanks?|gaps?)\s*[:.]",
    r"\bđiền[^?\n]{0,30}(?:chỗ|ô) trống\s*:",
    r"\b(?:gợi ý|hint)\s*:",
    r"\b(?:con|em|bạn|các con|các em) hãy (?:chọn|điền|đoán|cho biết|lắng nghe)\b",
)
"""Definitions with an example, tricks for the memory, exercises."""
TEACHES = _frames(
    "giỏi tốt xác sắc vời chuẩn hay tiếp thứ nào dạy giải hướng giới mẫu kiểm after nhắc let say "
    "spell read what nay giờ hãy sang pronunciation tặng thưởng để chú lưu chúng trò lớp "
    "answer try good well great excellent",
    r"^(?:giỏi|tốt|chính xác|xuất sắc|tuyệt vời|chuẩn|hay)(?: rồi)?(?: lắm| quá)?(?: đấy"
    r"| đó)?[!.,]\s"
    r".{0,80}\b(?:tiếp theo|kế tiếp|bây giờ|giờ mình|sang từ|sang câu|nghĩa là|hãy)\b",
    r"\b(?:câu hỏi|câu|từ|bài) (?:tiếp theo|kế tiếp|thứ \w+)(?: là)?\s*:",
    r"\bcho (?:cô|thầy) (?:nghe|xem) nào\b",
    r"\b(?:cô|thầy) (?:sẽ|xin) (?:dạy|giải thích|hướng dẫn|giới thiệu|đọc mẫu|kiểm tra)\b" + _ASKS,
    r"\b(?:repeat|say it|read it) after me\b",
    r"\bnhắc lại theo (?:cô|thầy|mình|tôi)\b",
    r"\b(?:let(?:'|’)s|let us) (?:move on|practi[sc]e|learn|try another|continue|review)\b",
    r"\b(?:now,? )?can you (?:say|spell|read|tell me what) [“\"']",
    r"\b(?:hôm nay|bây giờ|tiếp theo) (?:chúng ta|chúng mình|mình|cô trò mình) (?:sẽ )?"
    r"(?:học|cùng|luyện|ôn)\b[^?\n]*[.!]",
    r"\b(?:con|em|bạn|các con|các em) hãy (?:nhắc|đọc|nói|dịch|viết|thử|trả lời|lặp)\b",
    r"\bcùng sang (?:từ|câu|bài)\b",
    r"\b(?:con|em|bạn) (?:làm|đọc|nói|phát âm) (?:rất )?(?:tốt|giỏi|hay|chuẩn) lắm\b",
    r"\byour pronunciation\b",
    r"\b(?:cô|thầy) (?:sẽ )?(?:dạy|tặng|thưởng|hướng dẫn|giới thiệu|kiểm tra|giải thích)"
    r" (?:cho )?(?:con|em|bạn|các)\b" + _ASKS,
    r"\b(?:con|em|các con|các em|bạn) (?:để ý|chú ý|lưu ý)(?! rồi)[^?\n]{0,40}\b(?:nhé|nha|nào"
    r"|nhen)\b",
    r"\b(?:giờ|bây giờ|tiếp theo|nào),? (?:chúng ta|chúng mình|cô trò|cả lớp)\b",
    r"\bthe (?:correct|right) answer (?:is|was)\b(?![^.!\n]*\?)",
    r"\btry (?:saying|reading|spelling|again|it)\b.{0,40}\bfor me\b",
    r"^(?:very )?(?:good|well done|great job|excellent|giỏi lắm|tốt lắm|chính xác)[!.,].{3,}"
    r"\b(?:now|next|let|bây giờ|tiếp|hãy|con|em)\b",
)
WANTS_REPEATED = _any(
    r"\b(?:nhắc|lặp|nói|đọc|viết|chép|dịch) (?:lại|theo|thử|xem|câu)\b",
    r"\b(?:repeat|say|read|write)\b",
)
STATES_GOAL = _any(
    r"\b(?:muốn|cần|want to|would like to|need to)\b.{0,70}(?:\bvà\b|\band\b|,).{0,60}"
    r"\b(?:học xong|hoàn thành|xong bài|hết bài|finish|complete|get through)\b",
    r"\bmy goal (?:is|today)\b", r"\bmục tiêu của (?:tôi|con|em|mình)\b", r"\bI was asked to\b",
    r"\b(?:tôi|con|em|mình) được (?:yêu cầu|giao nhiệm vụ)\b",
    r"^(?:xin chào|chào|hello|hi)\b.{0,10}\b(?:tôi|con|em|mình|I) (?:muốn|want to|would like to)\b"
    r".{0,80}(?:hoàn thành bài|finish the lesson|get through)",
)  # fmt: skip
WHOLLY_QUOTED = re.compile(r"\A\s*[\"“«](?:[^\s\"“”«»]+ +){2,}[^\"“”«»]+[\"”»]\s*\Z")
STUCK_AFTER = 20
NOISE = re.compile(rf"(\S{{1,12}}?\s?)\1{{{STUCK_AFTER - 1},}}")
# UTF-8 that was read as Latin-1 or Windows-1252: "dáº¡ con", "itâ€™s".
MOJIBAKE = re.compile(r"áº[\u0080-\u00bf]|á»[\u0080-\u00bf]|Ã[\u0080-\u00bf]|â€|Ä['‘]|Æ[°¡]")
BLANK, CHOICES = (
    re.compile(r"_{3,}"),
    re.compile(r"\?\s*a[).] [^\n]{1,60}\sb[).] [^\n]{1,60}\sc[).] ", re.IGNORECASE),
)
LEAKS = _frames(
    "simulated character instruction instructions prompt told instructed prompted vai playing "
    "roleplaying roleplay persona script guidelines kịch dẫn nhân turn lượt play pretend act yêu "
    "nhiệm",
    r"\b(?:yêu cầu|chỉ dẫn|nhiệm vụ|hướng dẫn) (?:của|cho|trong|ở) (?:lượt|vai|nhân vật|kịch bản)",
    r"\b(?:told|asked|instructed|supposed|meant|here) to (?:play|pretend to be|act as|act like"
    r"|role-?play(?: as)?) an? (?:\w+ ){0,4}(?:learner|student|pupil|user|beginner|child|person"
    r"|customer|adult)\b",
    r"\bsimulated user\b",
    r"\btheo (?:các )?(?:hướng dẫn|chỉ dẫn|yêu cầu) (?:của )?hệ thống\b",
    r"\btheo (?:hướng dẫn|chỉ dẫn|yêu cầu) được giao\b",
    r"\bsystem prompt (?:bảo|nói|yêu cầu|says|tells|asks)\b",
    r"\b(?:break|stay in|out of) character\b",
    r"\b(?:my|the) (?:instructions?|(?:system )?prompt) (?:says?|tells?|is|are|asks?|wants?)\b",
    r"\bI(?: was|'m| am) (?:told|instructed|prompted) to\b",
    r"\b(?:bạn|you)(?: đang| are)? (?:đóng vai|nhập vai|playing(?: the role of)?"
    r"|role-?playing(?: as)?)"
    r" (?:một |an? |the )?(?:người học|học sinh|học viên|người dùng|learner|student|user|pupil"
    r"|person)",
    r"\b(?:according to|following|as per) (?:the|my) (?:\w+ )?(?:instructions?|prompt|persona"
    r"|script"
    r"|character|guidelines)\b",
    r"\btheo (?:kịch bản|chỉ dẫn|mô tả nhân vật|vai diễn|prompt)\b",
    r"\b(?:this turn|lượt này),? (?:I (?:should|must|will|have to)|(?:mình|con|em|tôi) (?:phải"
    r"|cần|sẽ))\b",
)
ASKED_ABOUT = re.compile(
    r"[\"”'’»]?\s*(?:là gì|la gi|có nghĩa|nghĩa|nghia|means?\b|in vietnamese"
    r"|tiếng việt)",
    re.IGNORECASE,
)
"""What follows words that a learner asks about: "repeat after me là gì vậy cô"."""
