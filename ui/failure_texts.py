"""What the page says when something went wrong: who failed, why, and what is kept."""

FAILURES: dict[str, tuple[str, str]] = {
    "where_bot": ("The bot failed", "Bot gặp lỗi"),
    "where_user": ("The simulated user failed", "Người dùng mô phỏng gặp lỗi"),
    "where_judge": ("The judge failed", "Bộ chấm gặp lỗi"),
    "where_server": ("The server failed", "Máy chủ gặp lỗi"),
    # why a speaker or the server failed: the server's own words are English and name the place
    "why_timeout": (
        "Is it running? A slow one needs a longer time limit.",
        "Không trả lời kịp. Nó có đang chạy không? Nếu chỉ là chậm, hãy tăng thời gian chờ.",
    ),
    "why_unreachable": (
        "Is it running, and is its address right?",
        "Nó có đang chạy không, địa chỉ có đúng không?",
    ),
    "why_http_error": (
        "Its own log may say more.",
        "Trả về mã lỗi HTTP. Nhật ký của nó có thể cho biết lý do.",
    ),
    "why_bad_content_type": (
        "Is this the right address?",
        "Trả về nội dung không đúng loại. Địa chỉ có đúng không?",
    ),
    "why_bad_json": ("Its own log may say more.", "Trả về nội dung không phải JSON."),
    "why_bad_reply": (
        "Its reply has another form than the configuration says.",
        "Câu trả lời không đúng dạng đã cấu hình.",
    ),
    "why_empty": ("Its own log may say more.", "Trả về một câu trống."),
    "why_status": ("Its own log may say more.", "Báo rằng lượt này không thành công."),
    "why_too_large": ("Its own log may say more.", "Câu trả lời quá dài."),
    "why_encoding": (
        "Replies must be plain UTF-8.",
        "Câu trả lời phải là UTF-8 và không nén.",
    ),
    "why_init": ("Its own log may say more.", "Không mở được phiên với bot."),
    "why_truncated": (
        "Its token limit may be too low.",
        "Câu nói bị cắt giữa chừng. Giới hạn token có thể quá thấp.",
    ),
    "why_refused": (
        "Another persona or task may help.",
        "Mô hình từ chối đóng vai. Hãy thử nhân vật hoặc yêu cầu khác.",
    ),
    "why_unrecorded": (
        "The cassette has no answer to this line: record it anew.",
        "Băng ghi không có câu trả lời cho câu này. Hãy ghi lại.",
    ),
    "why_storage": ("Try again in a moment.", "Cơ sở dữ liệu gặp lỗi. Hãy thử lại sau giây lát."),
    "why_storage_full": (
        "Make room on the server’s disk first.",
        "Ổ đĩa của máy chủ đã đầy. Trước hết hãy giải phóng chỗ trống.",
    ),
    "why_internal": (
        "The server’s log has it under this incident.",
        "Lỗi nội bộ. Nhật ký máy chủ ghi lại với mã này.",
    ),
    "kept": (
        "What was said is kept; Resume goes on from here.",
        "Những gì đã nói vẫn được lưu; nhấn Tiếp tục để chạy tiếp từ đây.",
    ),
    "interrupted_text": (
        "The server was stopped in the middle. Resume goes on from here.",
        "Máy chủ đã dừng giữa chừng. Nhấn Tiếp tục để chạy tiếp từ đây.",
    ),
    "details": ("Details", "Chi tiết"),
    "lost": (
        "The connection was lost. Reconnecting; nothing that was said is lost.",
        "Mất kết nối. Đang kết nối lại; không câu nào bị mất.",
    ),
    "down": (
        "The Duologue server cannot be reached. Trying again until it is back.",
        "Không kết nối được máy chủ Duologue. Sẽ thử lại cho đến khi có kết nối.",
    ),
    "missing": ("There is no such conversation.", "Không có cuộc hội thoại này."),
    "forbidden": (
        "This conversation belongs to another client.",
        "Cuộc hội thoại này thuộc về một ứng dụng khác.",
    ),
    "refused_otherwise": ("It was refused.", "Yêu cầu bị từ chối."),
    "failed": ("That did not work", "Không thực hiện được"),
}
REFUSED = {
    "invalid": "Có mục chưa hợp lệ.",
    "busy": "Hội thoại đang chạy rồi.",
    "conflict": "Trạng thái của hội thoại không cho phép.",
    "not-found": "Không tìm thấy.",
    "forbidden": "Hội thoại này thuộc về một ứng dụng khác.",
    "idempotency-key-reused": "Khóa chống lặp này đã dùng cho một yêu cầu khác.",
    "too-large": "Nội dung gửi lên quá lớn.",
    "limit": "Máy chủ đang chạy đủ số hội thoại cho phép.",
    "stopped": "Máy chủ đang khởi động hoặc đang dừng.",
    "storage": "Cơ sở dữ liệu gặp lỗi. Hãy thử lại sau giây lát.",
    "storage-full": "Ổ đĩa của máy chủ đã đầy.",
    "internal": "Lỗi nội bộ của máy chủ.",
}
"""Why the server refused, by the code of its problem, in Vietnamese; English is what it speaks."""


def end_sentence(text: str) -> str:
    """With a stop at its end, so that another sentence can follow."""
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."
