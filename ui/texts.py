"""Every word of the page, English and Vietnamese side by side."""

from dataclasses import dataclass
from typing import Literal

from ui.bot_texts import BOTS
from ui.experiment_texts import EXPERIMENTS
from ui.failure_texts import FAILURES, REFUSED, end_sentence
from ui.verdict_texts import VERDICTS

Language = Literal["en", "vi"]
LANGUAGES: tuple[Language, ...] = ("en", "vi")

TEXTS: dict[str, tuple[str, str]] = {
    # the frame
    "title": ("Duologue", "Duologue"),
    "nav": ("Main", "Điều hướng chính"),
    "nav_new": ("Simulate", "Mô phỏng"),
    "nav_versus": ("Two prompts", "Hai prompt"),
    "nav_bots": ("Bots", "Bot"),
    "nav_chat": ("Chat", "Trò chuyện"),
    "nav_find": ("Conversations", "Hội thoại"),
    "theme": ("Light or dark", "Sáng hoặc tối"),
    "other_language": ("Tiếng Việt", "English"),
    "offline": (
        "The server does not answer. Reconnecting …",
        "Máy chủ không phản hồi. Đang kết nối lại …",
    ),
    "server_starting": (
        "The server is starting. The page goes on as soon as it is up.",
        "Máy chủ đang khởi động. Trang sẽ tự chạy tiếp khi máy chủ sẵn sàng.",
    ),
    "skip": ("Skip to content", "Đến nội dung chính"),
    "refused_404": ("There is no such page", "Không có trang này"),
    "refused_503": ("The server is stopping", "Máy chủ đang dừng"),
    "to_start": ("To the start page", "Về trang đầu"),
    "loading": ("Loading …", "Đang tải …"),
    # a new simulation
    "new_title": (
        "Let a simulated user talk to your bot",
        "Cho người dùng mô phỏng trò chuyện với bot",
    ),
    "new_lead": (
        "Watch both speakers live. Stop, take the user’s seat, or branch off at any message.",
        "Xem hai bên trò chuyện trực tiếp. Có thể dừng, trả lời thay, hoặc rẽ nhánh ở mọi câu.",
    ),
    "bot": ("Bot under test", "Bot cần thử"),
    "persona": ("Persona", "Nhân vật"),
    "default_is": ("{name} (default)", "{name} (mặc định)"),
    "persona_plain": ("No persona, only the prompt", "Không nhân vật, chỉ theo prompt"),
    "named_Minh, a learner of English": (
        "Minh, a learner of English",
        "Minh, học sinh học tiếng Anh",
    ),
    "named_Simulated user": ("Simulated user", "Người dùng mô phỏng"),
    "needs_model": (
        (
            "“Simulated” needs a model: set OPENAI_API_KEY, or OPENAI_BASE_URL for a local one, "
            "and start the server again."
        ),
        (
            "Chế độ “Mô phỏng” cần một mô hình: hãy đặt OPENAI_API_KEY, hoặc OPENAI_BASE_URL nếu "
            "chạy mô hình trên máy, rồi khởi động lại máy chủ."
        ),
    ),
    "needs_model_versus": (
        (
            "A model plays both prompts, and none is configured: set OPENAI_API_KEY, or "
            "OPENAI_BASE_URL for a local one, and start the server again."
        ),
        (
            "Cả hai prompt đều do mô hình đóng vai, mà máy chủ chưa có mô hình: hãy đặt "
            "OPENAI_API_KEY, hoặc OPENAI_BASE_URL nếu chạy mô hình trên máy, rồi khởi động lại "
            "máy chủ."
        ),
    ),
    "needs_model_bot": (
        "Needs a model: set OPENAI_API_KEY or OPENAI_BASE_URL and start the server again",
        "Cần một mô hình: hãy đặt OPENAI_API_KEY hoặc OPENAI_BASE_URL rồi khởi động lại máy chủ",
    ),
    # scenarios to begin with
    "ready_title": (
        "Nothing here yet. Start with one click:",
        "Chưa có gì. Thử ngay bằng một cú nhấp:",
    ),
    "ready_again": (
        "Three talks that start with one click",
        "Ba cuộc trò chuyện chỉ cần một cú nhấp",
    ),
    "ready_lesson": ("A lesson about drinks", "Bài học gọi đồ uống"),
    "ready_lesson_text": (
        "A scripted learner takes a lesson. Lean back and watch.",
        "Học viên theo kịch bản học một bài. Chỉ cần ngồi xem.",
    ),
    "ready_wrong": ("Wrong answers", "Trả lời sai"),
    "ready_wrong_text": (
        "The learner says the wrong words. How does the robot react?",
        "Học viên nói sai từ. Robot phản ứng thế nào?",
    ),
    "ready_yourself": ("You are the learner", "Bạn là học viên"),
    "ready_yourself_text": (
        "Answer the robot yourself; hand over whenever you like.",
        "Tự trả lời robot; muốn nghỉ thì nhường lượt.",
    ),
    # two prompts
    "versus_title": ("Two prompts talk to each other", "Hai prompt nói chuyện với nhau"),
    "versus_lead": (
        "A model plays both. Nothing is added to what you write: no persona, no hidden opening.",
        (
            "Mô hình đóng cả hai vai. Không thêm gì ngoài những gì bạn viết: không nhân vật, "
            "không câu mở đầu ẩn."
        ),
    ),
    "versus_user": ("The user’s prompt", "Prompt của người dùng"),
    "versus_user_info": ("Who talks to the bot, and what they want", "Ai nói với bot, muốn gì"),
    "versus_user_hint": (
        "For example: You are in a hurry and want a refund for a broken lamp.",
        "Ví dụ: Bạn đang vội và muốn hoàn tiền cho chiếc đèn bị hỏng.",
    ),
    "versus_bot": ("The bot’s prompt", "Prompt của bot"),
    "versus_bot_info": ("The system prompt under test", "Prompt hệ thống cần thử"),
    "versus_bot_hint": (
        "For example: You work for a lamp shop. Refunds need an order number.",
        "Ví dụ: Bạn làm ở cửa hàng đèn. Muốn hoàn tiền phải có mã đơn hàng.",
    ),
    "versus_opening": (
        "Empty: whoever opens decides what to say",
        "Để trống: bên mở đầu tự quyết định",
    ),
    # chat
    "chat_title": ("Talk to the bot yourself", "Tự trò chuyện với bot"),
    "chat_lead": (
        "You write, the bot answers. You can hand your seat to the simulator at any time.",
        "Bạn viết, bot trả lời. Lúc nào cũng có thể nhường lượt cho người dùng mô phỏng.",
    ),
    "chat_start": ("Start chatting", "Bắt đầu trò chuyện"),
    "first_line_hint": ("For example: hello", "Ví dụ: xin chào"),
    "first_line": ("Your first message", "Tin nhắn đầu tiên"),
    # the list
    "find_title": ("Conversations", "Các cuộc hội thoại"),
    "search": ("Search", "Tìm kiếm"),
    "search_hint": ("Search for a bot, a user, an id", "Tìm theo bot, người dùng, mã"),
    "all_status": ("Any status", "Mọi trạng thái"),
    "all_bots": ("Any bot", "Mọi bot"),
    "col_status": ("Status", "Trạng thái"),
    "col_bot": ("Bot", "Bot"),
    "col_persona": ("User", "Người dùng"),
    "col_turns": ("Turns", "Lượt"),
    "col_started": ("Started", "Bắt đầu"),
    "col_end": ("Ended because", "Lý do kết thúc"),
    "col_open": ("Open", "Mở"),
    "empty_title": ("No conversations yet", "Chưa có cuộc hội thoại nào"),
    "empty_text": (
        "Start one and it will be kept here.",
        "Hãy bắt đầu, hội thoại sẽ được lưu ở đây.",
    ),
    "none_found": ("Nothing matches these filters.", "Không có gì khớp với bộ lọc."),
    "load_more": ("Show more", "Xem thêm"),
    "shown": ("{n} shown", "Đang hiện {n}"),
    "looked": ("Searched the newest {n}", "Đã tìm trong {n} hội thoại mới nhất"),
    # how it stands
    "is_created": ("not started", "chưa bắt đầu"),
    "is_running": ("running", "đang chạy"),
    "is_waiting": ("waiting", "đang chờ"),
    "is_completed": ("completed", "đã xong"),
    "is_stopped": ("stopped", "đã dừng"),
    "is_interrupted": ("interrupted", "bị gián đoạn"),
    "is_opening": ("opening", "đang mở"),
    "waiting_for_you": ("waiting for you", "đang chờ bạn"),
    "end_max_turns": ("turn limit reached", "đủ số lượt"),
    "end_user_done": ("the user said good-bye", "người dùng đã chào tạm biệt"),
    "end_lines_done": ("all planned lines were said", "đã nói hết các câu định sẵn"),
    "end_bot_ended": ("the bot ended it", "bot đã kết thúc"),
    "end_loop": ("it went in circles", "hội thoại lặp vòng"),
    "end_time_limit": ("time limit reached", "hết thời gian"),
    "end_cost_limit": ("cost limit reached", "hết hạn mức chi phí"),
    "end_stopped": ("stopped by hand", "đã dừng thủ công"),
    "end_simulator_error": ("the simulator failed", "lỗi người dùng mô phỏng"),
    "end_bot_error": ("the bot failed", "lỗi bot"),
    "end_server_error": ("the server failed", "lỗi máy chủ"),
    "end_server_stopped": ("the server was stopped", "máy chủ đã dừng"),
    # the conversation
    "transcript": ("Transcript", "Nội dung hội thoại"),
    "user": ("User", "Người dùng"),
    "you": ("You", "Bạn"),
    "bot_name": ("Bot", "Bot"),
    "with": ("with", "với"),
    "turn_n": ("Turn {turn}", "Lượt {turn}"),
    "turn_of": ("Turn {turn} of {max}", "Lượt {turn}/{max}"),
    "elapsed": ("Elapsed", "Thời gian"),
    "n_tokens": ("{n} tokens", "{n} token"),
    "messages": ("Messages", "Số câu"),
    "bot_latency": ("Bot answers in", "Bot trả lời trong"),
    "user_latency": ("User answers in", "Người dùng trả lời trong"),
    "median": ("median", "trung vị"),
    "latency": ("Latency by turn", "Độ trễ theo lượt"),
    "latency_none": ("Shown after the first answer.", "Sẽ hiện sau câu trả lời đầu tiên."),
    "origin_bot": ("bot", "bot"),
    "origin_simulated": ("simulated", "mô phỏng"),
    "origin_scripted": ("scripted", "kịch bản"),
    "origin_human": ("human", "người thật"),
    "origin_given": ("given", "có sẵn"),
    "thinking_user": ("{name} is thinking", "{name} đang nghĩ"),
    "thinking_assistant": ("{name} is answering", "{name} đang trả lời"),
    "starting": ("Opening the bot’s session", "Đang mở phiên với bot"),
    "aim_reached": ("✓ Aim reached: {aims}", "✓ Đạt mục tiêu: {aims}"),
    "sources": ("Sources: {n}", "Nguồn: {n}"),
    "looking_up": ("{name} is looking things up: {what}", "{name} đang tra cứu: {what}"),
    "asides": ("{n} discarded or retried", "{n} lần bỏ hoặc thử lại"),
    "discarded": ("Discarded", "Đã bỏ"),
    "retrying": ("Tried again", "Đã thử lại"),
    "reset": ("Said anew", "Nói lại"),
    "diverged": ("Answered otherwise", "Trả lời khác trước"),
    "bot_by_prompt": ("Bot by prompt", "Bot theo prompt"),
    "nobody_scripted": ("Scripted learner", "Học viên theo kịch bản"),
    "nobody_simulated": ("Simulated user", "Người dùng mô phỏng"),
    "named_scripted learner": ("Scripted learner", "Học viên theo kịch bản"),
    "named_English lesson robot (demo)": (
        "English lesson robot (demo)",
        "Robot dạy tiếng Anh (demo)",
    ),
    "named_Careless lesson robot (demo)": (
        "Careless lesson robot (demo)",
        "Robot dạy tiếng Anh cẩu thả (demo)",
    ),
    "newest": ("newest", "mới nhất"),
    "nothing_said": ("Nothing was said yet.", "Chưa có câu nào."),
    "press_start": ("Press Start to let them talk.", "Nhấn Bắt đầu để hai bên trò chuyện."),
    "say_first": ("Write the first message below.", "Hãy viết tin nhắn đầu tiên ở bên dưới."),
    "retry": ("Retry", "Thử lại"),
    "retry_hint": (
        "In a copy, let this message be said anew",
        "Tạo bản sao và nói lại câu này",
    ),
    "edit": ("Edit", "Sửa"),
    "edit_hint": ("In a copy, say something else here", "Tạo bản sao và nói câu khác ở đây"),
    "fork": ("Branch", "Rẽ nhánh"),
    "fork_hint": (
        "Make a copy up to this message and go on differently",
        "Tạo bản sao đến câu này rồi tiếp tục theo hướng khác",
    ),
    # steering
    "stop": ("Stop", "Dừng"),
    "resume": ("Resume", "Tiếp tục"),
    "run_it": ("Start", "Bắt đầu"),
    "take": ("I’ll answer", "Để tôi trả lời"),
    "hand_back": ("Hand back", "Trả lại lượt"),
    "go_on": ("{n} more turns", "Thêm {n} lượt"),
    "send": ("Send", "Gửi"),
    "suggest": ("Suggest", "Gợi ý"),
    "your_line": ("Your answer as the user", "Câu trả lời của bạn trong vai người dùng"),
    "your_line_hint": (
        "Write as the user … (Enter sends)",
        "Viết trong vai người dùng … (Enter để gửi)",
    ),
    "not_your_turn": (
        "You have the user’s seat. Wait for the bot’s answer.",
        "Bạn đang giữ vai người dùng. Hãy chờ bot trả lời.",
    ),
    # forking
    "fork_title": ("Branch off", "Rẽ nhánh"),
    "fork_lead": (
        "A new conversation begins after this message; this one stays as it is.",
        "Hội thoại mới bắt đầu sau câu này; hội thoại hiện tại giữ nguyên.",
    ),
    "fork_line": ("Say instead, as the user", "Nói câu này, trong vai người dùng"),
    "fork_line_hint": ("Empty: the user decides", "Để trống: người dùng tự quyết định"),
    "fork_same": ("As before", "Như cũ"),
    "fork_go": ("Branch and run", "Rẽ nhánh và chạy"),
    "cancel": ("Cancel", "Hủy"),
    "parent": ("Branched from", "Rẽ nhánh từ"),
    "children": ("Branches", "Các nhánh"),
    "compare": ("Compare", "So sánh"),
    "compare_end": ("Close the comparison", "Đóng so sánh"),
    "this_one": ("This conversation", "Hội thoại này"),
    "other_one": ("The other one", "Hội thoại kia"),
    "told_again": (
        "This bot has a memory of its own: the user’s lines so far were told to it once more.",
        "Bot này tự ghi nhớ: các câu trước của người dùng đã được nói lại cho bot.",
    ),
    # sharing
    "share": ("Share", "Chia sẻ"),
    "copy_link": ("Copy link", "Sao chép liên kết"),
    "copied": ("Copied", "Đã sao chép"),
    "download": ("Download", "Tải xuống"),
    "as_txt": ("Text", "Văn bản"),
    "as_json": ("JSON", "JSON"),
    "as_md": ("Markdown", "Markdown"),
    "print": ("Print", "In"),
    "id": ("Conversation", "Mã hội thoại"),
    "close": ("Close", "Đóng"),
    # the key
    "key_title": ("This server asks for a key", "Máy chủ này yêu cầu khóa"),
    "key": ("API key", "Khóa API"),
    "key_info": (
        "It is kept in this browser tab only.",
        "Khóa chỉ được giữ trong thẻ trình duyệt này.",
    ),
    "key_go": ("Continue", "Tiếp tục"),
    "key_wrong": ("The server does not take this key.", "Máy chủ không chấp nhận khóa này."),
}
TEXTS |= BOTS | EXPERIMENTS | FAILURES | VERDICTS

_LABELS = {
    "bot_id": "bot",
    "bot_prompt": "bot_prompt",
    "first_speaker": "opens",
    "history": "import",
    "initial_message": "opening",
    "lines": "lines",
    "max_turns": "turns",
    "pace": "pace",
    "persona": "persona",
    "time_limit_s": "time_limit",
    "user": "seat",
    "user_prompt": "user_prompt",
}
"""What the forms call a field of the API."""


@dataclass(frozen=True)
class Words:
    """The texts of one language: `words("start")`, `words("turn_of", turn=2, max=10)`."""

    language: Language

    def __call__(self, name: str, /, **facts: object) -> str:
        text = TEXTS[name][LANGUAGES.index(self.language)]
        return text.format(**facts) if facts else text

    def get(self, name: str, otherwise: str) -> str:
        """The text of a name that a server sent, or what it sent where it is new to us."""
        return self(name) if name in TEXTS else otherwise

    def locate(self, field: str, said: str) -> str:
        """What was said of a field of the API, with the name that the page has for it."""
        name = _LABELS.get(field.partition(".")[0], "")
        return f"{self(name)}: {said}" if name else said

    def explain_refusal(self, code: str, said: str) -> tuple[str, str]:
        """A refusal in this language, and what the server said of it in its own English."""
        where, _, kind = code.partition("-")
        if f"where_{where}" in TEXTS:
            return self._explain_failure(where, kind, end_sentence(said))
        if self.language == "en":
            return said, ""
        return REFUSED.get(code, self("refused_otherwise")), said

    def _explain_failure(self, where: str, kind: str, said: str) -> tuple[str, str]:
        """A speaker that failed in a call of its own: explained as in a conversation."""
        why = self.get(f"why_{kind.replace('-', '_')}", "")
        title = end_sentence(self(f"where_{where}"))
        shown = [title, said, why] if self.language == "en" else [title, why]
        return " ".join(part for part in shown if part), "" if self.language == "en" else said

    def format_number(self, value: float, digits: int = 0) -> str:
        """A figure as it is written in this language."""
        text = f"{value:,.{digits}f}"
        return text if self.language == "en" else text.translate(_SWAPPED)

    def format_seconds(self, milliseconds: float) -> str:
        """A time to answer: 0.4 s, 12 s."""
        seconds = milliseconds / 1000
        return f"{self.format_number(seconds, 0 if seconds >= 10 else 1)} s"


_SWAPPED = str.maketrans(",.", ".,")
