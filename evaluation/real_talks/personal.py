"""Personal data is taken out of what people wrote, before any of it is stored.

Numbers and addresses are known by their form, by what is said before them, or both; names by lists
and by how they are introduced. Which kinds there are, and what is not found: docs/import.md.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from core.text import strip_marks

Kind = Literal["email", "card", "phone", "identity", "number", "name"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_NAMES = Path(__file__).with_name("names.txt")


class Found(NamedTuple):
    """A stretch of a text that is personal."""

    start: int
    end: int
    kind: Kind


def mask_talk(texts: Sequence[str]) -> tuple[list[str], Counter[Kind]]:
    """The lines of one talk with `<email>`, `<phone>`, `<name>` and the like, and how many of each.

    A name that is introduced in one line is masked in all of them, whoever says it.
    """
    lines = [unicodedata.normalize("NFC", text) for text in texts]
    found = [list(find_personal(line)) for line in lines]
    known = {
        word for line, some in zip(lines, found, strict=True) for word in _list_words(line, some)
    }
    masked, counts = [], Counter[Kind]()
    for given, line, some in zip(texts, lines, found, strict=True):
        whole = _merge([*some, *_find_again(line, known)])
        counts.update(one.kind for one in whole)
        masked.append(_replace(line, whole) if whole else given)
    return masked, counts


def mask(text: str) -> str:
    """One line alone, masked."""
    return mask_talk([text])[0][0]


def find_personal(line: str) -> Iterator[Found]:
    """What is personal in a line in NFC."""
    yield from _find_addresses(line)
    if _has_digits(line):
        yield from _find_numbers(line)
    yield from _find_spoken(line)
    yield from _find_names(line)


def _merge(found: Iterable[Found]) -> list[Found]:
    """In order, without overlaps: the longer one wins, and what it touches is its own."""
    whole: list[Found] = []
    for one in sorted(found, key=lambda one: (one.start, -one.end)):
        if whole and one.start < whole[-1].end:
            last = whole[-1]
            whole[-1] = Found(last.start, max(last.end, one.end), last.kind)
        else:
            whole.append(one)
    return whole


def _replace(line: str, found: Sequence[Found]) -> str:
    parts, at = list[str](), 0
    for one in found:
        parts += [line[at : one.start], f"<{one.kind}>"]
        at = one.end
    return "".join([*parts, line[at:]])


# --- addresses ------------------------------------------------------------------------------------

_USER = r"[A-Za-z0-9](?:[\w.+-]{0,62}[A-Za-z0-9])?"
_LABELS = r"(?:[A-Za-z0-9-]{1,63}"
_EMAIL = re.compile(
    rf"(?:mailto:)?(?:[\w.+-]{{1,64}}@[\w-]+(?:\.[\w-]+)+"
    rf"|{_USER} ?@ ?{_LABELS} ?\. ?){{1,3}}(?:com|vn|net|org|edu|gov)(?!\w)"
    rf"|(?:\w+ )?{_USER} (?:a còng|a cong|a móc) {_LABELS}(?: (?:chấm|cham) |\.)){{1,3}}"
    rf"[a-z]{{2,4}}"
    rf"|{_USER}(?: at | ?[(\[] ?(?:at|a còng|a cong) ?[)\]] ?)"
    rf"{_LABELS}(?: dot | ?[(\[] ?(?:dot|chấm|cham) ?[)\]] ?|\.)){{1,3}}"
    rf"(?:com|vn|net|org|edu))(?!\w)",
    re.IGNORECASE,
)
_MAY_BE_EMAIL = re.compile(r"@|\bat\b|\ba (?:còng|cong|móc)\b", re.IGNORECASE)


def _find_addresses(line: str) -> Iterator[Found]:
    if _MAY_BE_EMAIL.search(line):
        for match in _EMAIL.finditer(line):
            yield Found(match.start(), match.end(), "email")


# --- numbers --------------------------------------------------------------------------------------

_MANY = re.compile(r"(?:\d\D{0,3}){6}")
_RUN = re.compile(r"(?<![\w.,])(?:\+|\(\+?)?\d(?:[ .()\-–]{0,2}\d){5,22}(?![\w]|[.,]\d)")
_SPOKEN = {
    "identity": r"cccd|căn cước|can cuoc|cmnd|cmt|chứng minh|chung minh|định danh|dinh danh|\bid\b"
    r"|hộ chiếu|ho chieu|passport|mã số thuế|ma so thue|\bmst\b|tax code|tax id|bhxh|bảo hiểm"
    r"|bao hiem|social|\bssn\b",
    "card": r"số thẻ|so the\b|\bthẻ\b|\bcard\b|visa|mastercard|napas|\bjcb\b",
    "number": r"\bstk\b|tài khoản|tai khoan|\baccount\b|\biban\b",
    "phone": r"\bsdt\b|\bsđt\b|điện thoại|dien thoai|\bđt\b|\bdt\b|zalo|whatsapp|hotline|liên hệ"
    r"|gọi|\bcall\b|\bphone\b|\bmobile\b|số (?:của )?(?:em|con|mình|tôi|anh|chị|máy)|reach me",
}
_CONTEXT: tuple[tuple[Kind, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))  # type: ignore[misc]
    for kind, pattern in _SPOKEN.items()
)
_BEFORE = 40
_PASSPORT = re.compile(r"(?<!\w)[A-Z] ?\d{7,8}(?!\w)")
_MONEY = re.compile(r"\d{1,3}(?:[.,]\d{3})+")
_MOBILE = re.compile(r"(?:0|84|0084|840)?0?[35789]\d{8}|02\d{9}")
_CITIZEN = re.compile(r"0\d{2}[0-3]\d{8}")
_LONG = 10


def _has_digits(line: str) -> bool:
    return _MANY.search(line) is not None


def _find_numbers(line: str) -> Iterator[Found]:
    for match in _PASSPORT.finditer(line):
        yield Found(match.start(), match.end(), "identity")
    for match in _RUN.finditer(line):
        if kind := _classify(line, match):
            yield Found(match.start(), match.end(), kind)


def _classify(line: str, match: re.Match[str]) -> Kind | None:
    """What a run of digits is; None for what anybody may read."""
    text, digits = match[0], re.sub(r"\D", "", match[0])
    if _is_card(digits):
        return "card"
    spoken = _find_context(line[max(0, match.start() - _BEFORE) : match.start()])
    if spoken is not None or _MONEY.fullmatch(text):
        return spoken
    return _classify_alone(text, digits)


def _classify_alone(text: str, digits: str) -> Kind | None:
    """What the form alone tells."""
    if _MOBILE.fullmatch(digits) and digits[0] in "08":
        return "phone"
    if _CITIZEN.fullmatch(digits):
        return "identity"
    if text.startswith(("+", "(+")) and len(digits) >= 8:
        return "phone"
    groups = re.findall(r"\d+", text)
    is_whole = len(groups) == 1 or all(len(group) in (3, 4) for group in groups)
    return "number" if len(digits) >= _LONG and is_whole else None


def _find_context(before: str) -> Kind | None:
    """The kind of number that was spoken of last."""
    last: tuple[int, Kind] | None = None
    for kind, pattern in _CONTEXT:
        for match in pattern.finditer(before):
            if last is None or match.end() > last[0]:
                last = (match.end(), kind)
    return last[1] if last else None


def _is_card(digits: str) -> bool:
    """By Luhn's sum, and by how long cards are and what they begin with."""
    if not 13 <= len(digits) <= 19 or digits[0] not in "2345689":
        return False
    if digits.startswith("9704"):
        return True
    odd, even = digits[-1::-2], digits[-2::-2]
    total = sum(map(int, odd)) + sum(sum(divmod(2 * int(digit), 10)) for digit in even)
    return total % 10 == 0


_DIGITS = (
    "không|khong|một|mot|hai|ba|bốn|bon|tư|tu|năm|nam|lăm|lam|sáu|sau|bảy|bay|tám|tam|chín|chin"
)
_DIGITS_EN = "zero|oh|one|two|three|four|five|six|seven|eight|nine"
_SPELLED = re.compile(
    rf"(?<!\w)(?:không|khong)(?:[ ,.-]{{1,2}}(?:{_DIGITS})){{8,10}}(?!\w)"
    rf"|(?<!\w)(?:zero|oh)(?:[ ,.-]{{1,2}}(?:{_DIGITS_EN})){{8,10}}(?!\w)",
    re.IGNORECASE,
)


def _find_spoken(line: str) -> Iterator[Found]:
    """A number told in words."""
    for match in _SPELLED.finditer(line):
        yield Found(match.start(), match.end(), "phone")


# --- names ----------------------------------------------------------------------------------------

_WORD = r"[^\W\d_]+"
_UPPER = "A-ZÀÁÂÃÈÉÊÌÍÒÓÔÕÙÚÝĂĐĨŨƠƯẠẢẤẦẨẪẬẮẰẲẴẶẸẺẼẾỀỂỄỆỈỊỌỎỐỒỔỖỘỚỜỞỠỢỤỦỨỪỬỮỰỲỴỶỸ"
_CAPITAL = rf"[{_UPPER}][^\W\d_]*"
_NAMES_IN_A_ROW = re.compile(rf"(?<![\w@]){_CAPITAL}(?: {_CAPITAL})+")
_INTRODUCED = re.compile(
    rf"\b(?:tên|ten)(?-i: (?:của|cua|thật|that|con|em|mình|minh|tôi|toi|tui|cháu|chau|nó|no|anh|chị"
    rf"|bạn|ban|cô|ấy|bé|đầy đủ|là|la)){{0,4}} ({_WORD}(?: {_WORD}){{0,3}})"
    rf"|\b(?:gọi|goi) (?:con|em|mình|tôi|tui|cháu|anh|chị) (?:là|la|bằng)"
    rf" ({_WORD}(?: {_WORD}){{0,2}})"
    rf"|\bmy (?:full |first |last )?name(?:'s|’s| is) ({_WORD}(?: {_WORD}){{0,3}})"
    rf"|\bcall me ({_WORD}(?: {_WORD}){{0,2}})|\bI(?:'m|’m| am) ({_CAPITAL}(?: {_CAPITAL}){{0,2}})",
    re.IGNORECASE,
)
_SAYS_WHO = 5
"""The group of "I'm …", which is followed by anything."""
_ADDRESSED = re.compile(
    r"\b(?:[Aa]nh|[Cc]hị|[Cc]ô|[Cc]hú|[Bb]ạn|[Tt]hầy|[Bb]ác|[Dd]ì|[Ôô]ng|[Bb]à|[Bb]é|[Ee]m|[Cc]on"
    rf"|[Cc]háu|[Cc]ậu|[Ff]riend|Mr\.?|Mrs\.?|Ms\.?) ({_CAPITAL}(?: {_CAPITAL}){{0,2}})"
)
_CALLED = re.compile(rf"(?<!\w)({_CAPITAL})(?= ơi\b)")
_PLACE = re.compile(
    r"\b(?:trường|đường|phố|phường|quận|huyện|tỉnh|thành phố|tp|chợ|bến|cầu|sông|núi|hồ|công viên"
    r"|tượng|vua|chùa|đền|bánh mì|street|school|park)\s*\Z",
    re.IGNORECASE,
)
LONGEST_NAME = 5
"""Words."""
_PLACES = frozenset(
    """ha noi|thai lan|ha lan|ba lan|phan lan
    |ha nam|ha tinh|ha giang|ha long|hai phong|hai duong|ho chi minh|bac ho|ho guom|cao bang
    |hoa binh|thai binh|ninh binh|nam dinh|quang nam|quang ninh|quang binh|quang tri|quang ngai
    |thai nguyen|thanh hoa|phu quoc|phu yen|phu tho|lam dong|long an|an giang|kien giang|vinh long
    |vinh phuc|tay ninh|binh duong|binh dinh|binh thuan
    |binh phuoc|dong nai|dong thap|ben tre
    |da nang|da lat|nha trang|viet nam|sai gon|hung yen|yen bai|lai chau|dien bien|son la
    |tuyen quang|nguyen du|truyen kieu|hue|vung tau|can tho|ly son|mai chau
    |tra vinh|bac ninh|bac giang|dak lak
    |kim lien|le loi|tran hung dao|hai ba trung""".replace("\n    ", "").split("|")
)
"""Towns and people of history: what looks like a name and is nobody's here."""


class NameLists(NamedTuple):
    surnames: frozenset[str]
    given: frozenset[str]
    nicknames: frozenset[str]
    english: frozenset[str]


@lru_cache(maxsize=1)
def read_name_lists() -> NameLists:
    parts = re.split(r"^\[\w+\]$", _NAMES.read_text("utf-8"), flags=re.MULTILINE)[1:]
    return NameLists(*(frozenset(part.split()) for part in parts))


def _find_names(line: str) -> Iterator[Found]:
    for match in _NAMES_IN_A_ROW.finditer(line):
        yield from _find_full_names(line, match)
    for match in _INTRODUCED.finditer(line):
        place = next(n for n in range(1, 6) if match[n])
        if end := _measure_name(match[place], only_capitals=place == _SAYS_WHO):
            yield Found(match.start(place), match.start(place) + end, "name")
    for match in (*_ADDRESSED.finditer(line), *_CALLED.finditer(line)):
        end = _measure_name(match[1], only_capitals=True)
        if end and not _PLACE.search(line, 0, match.start(1)):
            yield Found(match.start(1), match.start(1) + end, "name")


def _find_full_names(line: str, row: re.Match[str]) -> Iterator[Found]:
    """A surname and what follows it, among words with capitals that stand side by side."""
    if _PLACE.search(line, 0, row.start()):
        return
    words = list(re.finditer(_WORD, row[0]))
    folded = [fold_name(word[0]) for word in words]
    at = 0
    while at < len(words) - 1:
        count = _count_name(folded[at : at + LONGEST_NAME])
        if count:
            first, last = words[at], words[at + count - 1]
            yield Found(row.start() + first.start(), row.start() + last.end(), "name")
        at += count or 1


def _count_name(words: Sequence[str]) -> int:
    """How many of the words are one name, from the first on; 0 where it begins none."""
    lists = read_name_lists()
    if words[0] in lists.english:
        return min(len(words), 2)
    if words[0] not in lists.surnames:
        return 0
    count = 1
    while count < len(words) and words[count] in lists.given | lists.surnames:
        count += 1
    return count if count > 1 and " ".join(words[:count]) not in _PLACES else 0


def _measure_name(text: str, *, only_capitals: bool = False) -> int:
    """Where the name ends that a text begins with; 0 where it begins with none.

    A word with a capital is one wherever somebody tells a name. Any other has to be listed, and
    with `only_capitals` both.
    """
    known = _list_first_names()
    words = list(re.finditer(_WORD, text))
    taken: list[re.Match[str]] = []
    for word in words:
        has_capital, folded = word[0][0].isupper(), fold_name(word[0])
        no_names = _NO_SECOND_NAMES if taken else _NO_NAMES
        is_listed = folded in known and (has_capital or word[0] not in no_names)
        like_first = not taken or has_capital == taken[0][0][0].isupper()
        fits = is_listed and has_capital if only_capitals else is_listed or has_capital
        if not fits or not like_first or word[0] == "I":
            break
        taken.append(word)
    if not taken or " ".join(fold_name(word[0]) for word in taken) in _PLACES:
        return 0
    return taken[-1].end()


_NO_NAMES = frozenset("hay nay năm thì thi mà y va và do này sau hai ba tư".split())
_NO_SECOND_NAMES = _NO_NAMES | frozenset(
    "anh em an bi van thế thảo mai bao tam minh mình đi tao".split()
)
"""Listed words that are no names where they are written like this, after another word or first."""


@lru_cache(maxsize=1)
def _list_first_names() -> frozenset[str]:
    lists = read_name_lists()
    return lists.given | lists.nicknames | lists.english | lists.surnames - {"ho", "to", "la", "ta"}


def fold_name(word: str) -> str:
    return strip_marks(word).casefold()


def _list_words(line: str, found: Iterable[Found]) -> Iterator[str]:
    """The names by which somebody is called later on: of a full one the given name."""
    english = read_name_lists().english
    for one in found:
        words = line[one.start : one.end].split() if one.kind == "name" else []
        if words:
            yield words[0 if fold_name(words[0]) in english else -1].casefold()


def _find_again(line: str, known: Iterable[str]) -> Iterator[Found]:
    """Names that were told elsewhere in the talk; with a capital, with their marks or without."""
    wanted = {form for name in known for form in (name, fold_name(name)) if len(name) > 1}
    if not wanted:
        return
    for match in re.finditer(_WORD, line):
        if match[0][0].isupper() and match[0].casefold() in wanted:
            yield Found(match.start(), match.end(), "name")
