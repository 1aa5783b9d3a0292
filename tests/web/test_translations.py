"""The Simplified Chinese catalogue is complete, and pages are shown in the language that the viewer reads."""

import ast
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.frontend import CommandLineInterface
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from babel.support import Translations
from flask import Flask
from flask.testing import FlaskClient
from flask_babel import force_locale
from werkzeug.test import TestResponse

from app import catalog
from app.catalog.docstrings import paragraphs
from app.clock import utcnow
from app.runs import states
from tests.rows import make_run

PROJECT = Path(__file__).resolve().parents[2]
FOLDER = PROJECT / "app" / "translations" / "zh_Hans_CN" / "LC_MESSAGES"
EXTRACT = ["extract", "--mapping=pyproject.toml", "--keyword=_l", "--ignore-dirs=.*"]  # as in bin/translate

PLACEHOLDER = re.compile(r"%\(\w+\)[-#0 +]*\d*(?:\.\d+)?[a-zA-Z]|\{\w*\}")  # the latter for static/app.js
DATE_PATTERN = re.compile(r"E*[ d]*MMM[M y,:Hms]*")
CHINESE = "[\u4e00-\u9fff]"
WORDS = {
    "Schedules": "定时计划",
    "Next fire": "下次触发",
    "Runs": "运行记录",
    "Run now": "立即运行",
    "Tasks": "任务",
    "Queue": "队列",
    "Worker": "Worker",
    "Retry": "重试",
    "Terminate": "终止",
    "Waiting": "等待中",
    "Received": "已接收",
    "Running": "运行中",
    "Succeeded": "成功",
    "Failed": "失败",
    "Retrying": "重试中",
    "Cancelled": "已取消",
    "Held": "已搁置",
    "Late": "延迟",
    "Taken": "已领取",
    "last seen": "最近活跃",
    "%(name)s is offline.": "%(name)s 已下线。",
    "until it restarts": "重启后失效",
    "As chosen on each computer": "跟随各设备设置",
    "Soft time limit": "软时间限制",
    "late, after it has run": "运行结束后确认（acks_late）",  # noqa: RUF001
    "The code shows here when the values can be sent.": "参数填写正确后，这里显示等效代码。",  # noqa: RUF001
}


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """The messages that stand in the code and the templates."""
    template = tmp_path_factory.mktemp("messages") / "messages.pot"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(PROJECT)
        CommandLineInterface().run(["pybabel", "--quiet", *EXTRACT, f"--output={template}", "."])
    with template.open("rb") as file:
        return read_po(file)


@pytest.fixture(scope="module")
def chinese() -> Catalog:
    with (FOLDER / "messages.po").open("rb") as file:
        return read_po(file, locale="zh_Hans_CN", abort_invalid=True)


def messages(catalog: Catalog) -> list[Message]:
    return [message for message in catalog if message.id]


def key(message: Message) -> tuple[str, str]:
    context: str | bytes = message.context or ""  # Babel reads it from a compiled catalogue as bytes
    return context if isinstance(context, str) else context.decode(), forms(message.id)[0]


def forms(texts: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return (texts,) if isinstance(texts, str) else tuple(texts)


def test_every_message_of_the_code_is_in_the_catalogue_and_no_other(code: Catalog, chinese: Catalog) -> None:
    wanted, there = {key(one) for one in messages(code)}, {key(one) for one in messages(chinese)}
    assert len(wanted) > 1000, "the extraction misses a part of the code"
    assert sorted(wanted - there) == [], "run bin/translate and translate what is new"
    assert sorted(there - wanted) == [], "run bin/translate, which takes out what is gone"
    assert chinese.obsolete == {}


def test_every_message_is_translated_once_and_for_certain(chinese: Catalog) -> None:
    assert [key(one) for one in messages(chinese) if len(forms(one.string)) != 1] == []
    assert [key(one) for one in messages(chinese) if not forms(one.string)[0]] == []
    assert [key(one) for one in messages(chinese) if one.fuzzy] == []


def test_translations_have_the_placeholders_of_the_message(chinese: Catalog) -> None:
    """Those of one of its forms: "the only slot" and "all 8 slots" may both be "all slots"."""
    for message in messages(chinese):
        found = sorted(PLACEHOLDER.findall(forms(message.string)[0]))
        allowed = [sorted(PLACEHOLDER.findall(form)) for form in forms(message.id)]
        assert found in allowed, key(message)
        assert PLACEHOLDER.sub("", forms(message.string)[0]).count("%") == 0, key(message)


def test_the_compiled_catalogue_is_that_of_the_text(chinese: Catalog) -> None:
    with (FOLDER / "messages.mo").open("rb") as file:
        compiled = read_mo(file)
    shown = {key(one): forms(one.string) for one in messages(compiled)}
    assert shown == {key(one): forms(one.string) for one in messages(chinese)}, "run bin/translate"


def test_chinese_has_full_width_punctuation_and_space_around_figures(chinese: Catalog) -> None:
    wrong = re.compile(
        rf"{CHINESE} ?[,;:!?()]|[,;:!?(] ?{CHINESE}|{CHINESE}\.(?!\w)"
        rf"|{CHINESE}[A-Za-z0-9]|[A-Za-z0-9]{CHINESE}"
    )
    for message in messages(chinese):
        if not DATE_PATTERN.match(key(message)[1]):
            text = PLACEHOLDER.sub("", forms(message.string)[0])
            assert not wrong.search(text), text


@pytest.mark.parametrize(("english", "expected"), WORDS.items())
def test_words_that_have_one_translation_everywhere(chinese: Catalog, english: str, expected: str) -> None:
    message = chinese.get(english)
    assert message is not None
    assert message.string == expected


def language_of(page: TestResponse) -> str:
    found = re.search(r'<html lang="([^"]+)"', page.text)
    assert found
    return found[1]


@pytest.mark.parametrize(
    ("wanted", "language", "words"),
    [
        ("zh-CN", "zh-CN", "登录 Celeriac"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN", "登录 Celeriac"),
        ("zh", "zh-CN", "登录 Celeriac"),
        ("zh-Hans-CN,en;q=0.8", "zh-CN", "登录 Celeriac"),
        ("zh-CN;q=0, en;q=0.1", "en", "Sign in to Celeriac"),
        ("en-GB,en;q=0.9,zh-CN;q=0.5", "en", "Sign in to Celeriac"),
        ("de-DE,de;q=0.9", "en", "Sign in to Celeriac"),
        ("", "en", "Sign in to Celeriac"),
    ],
)
def test_the_language_that_the_browser_asks_for(
    client: FlaskClient, wanted: str, language: str, words: str
) -> None:
    page = client.get("/login", headers={"Accept-Language": wanted})
    assert language_of(page) == language
    assert words in page.text


def test_the_language_kept_on_this_computer_wins(client: FlaskClient) -> None:
    client.set_cookie("locale", "zh_Hans_CN")
    page = client.get("/login", headers={"Accept-Language": "en-GB"})
    assert language_of(page) == "zh-CN"
    assert "登录 Celeriac" in page.text


def test_a_language_that_is_not_there_counts_for_nothing(client: FlaskClient) -> None:
    client.set_cookie("locale", "tlh")
    assert language_of(client.get("/login", headers={"Accept-Language": "zh-CN"})) == "zh-CN"
    assert language_of(client.get("/login")) == "en"


def test_the_sign_in_page_offers_the_languages(client: FlaskClient) -> None:
    page = client.get("/login")
    assert re.search(r'value="en" lang="en" aria-pressed="true">\s*English\s*<', page.text)
    assert re.search(r'value="zh_Hans_CN" lang="zh" aria-pressed="false">\s*简体中文\s*<', page.text)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token
    choice = {"csrf_token": token[1], "locale": "zh_Hans_CN", "next": "/login"}
    answer = client.post("/preferences/locale", data=choice)
    assert answer.status_code == 303
    assert answer.location == "/login"
    page = client.get("/login")
    assert language_of(page) == "zh-CN"
    assert re.search(r'value="zh_Hans_CN" lang="zh" aria-pressed="true">\s*简体中文\s*<', page.text)


def test_whatever_the_library_says_is_translated(app: Flask, chinese: Catalog) -> None:
    """Also what stands in a file that no mapping of pyproject.toml names."""
    told: set[str] = set()
    for info in catalog.listing():
        if info.origin == "library":
            told |= {info.summary, *(one.text for one in paragraphs(info.doc))}
            told |= {one.description for one in info.parameters}
    assert {"Send an e-mail.", "Subject, one line", "Deliver a message of an alert."} <= told
    ours = [one for one in messages(chinese) if one.context == "library"]
    there = {one.id for one in ours if re.search(CHINESE, str(one.string))}
    assert sorted(told - {""} - there) == []


def test_only_tasks_that_come_along_are_translated(app: Flask) -> None:
    ours = catalog.find("mail.send_email")
    with app.test_request_context(), force_locale("zh_Hans_CN"):
        assert ours.what == "发送电子邮件。"
        assert replace(ours, origin="own").what == "Send an e-mail."
        assert replace(ours, summary="").what == ""  # not what stands at the head of the catalogue


def test_pages_tell_of_the_library_in_chinese(signed_in: Callable[..., FlaskClient]) -> None:
    browser = signed_in("operator")
    browser.set_cookie("locale", "zh_Hans_CN")
    task = browser.get("/tasks/mail.send_email").text
    assert '<p class="prose lead">发送电子邮件。</p>' in task
    assert "邮件通过设置 SMTP_URL 中的服务器发送" in task
    assert task.count("纯文本的邮件正文") == 2  # in the table and in the form
    schedule = browser.get("/schedules/new?task_name=mail.send_email").text
    assert re.search(r'id="task_name-hint">\s*发送电子邮件。', schedule)
    assert "纯文本的邮件正文" in schedule
    assert '<option value="web.crawl_page">读取网页' in schedule
    for page in (task, schedule):
        assert "Send an e-mail." not in page
        assert "The message as plain text" not in page
    for words in ("send an e-mail", "发送电子邮件"):
        found = browser.get("/tasks", query_string={"q": words}).text
        assert "发送电子邮件。" in found
        assert "发送电子邮件。" in browser.get("/search/palette", query_string={"q": words}).text
    assert "Resize every image of a folder." in browser.get("/tasks/sample_tasks.resize").text
    assert browser.get("/api/v1/tasks/mail.send_email").json["summary"] == "Send an e-mail."


def test_a_language_that_is_not_offered_is_refused(
    signed_in: Callable[..., FlaskClient], post: Callable[..., TestResponse]
) -> None:
    browser = signed_in("viewer")
    assert post(browser, "/preferences/locale", {"locale": "de"}).status_code == 422
    assert language_of(browser.get("/runs")) == "en"


def test_the_language_of_an_account_goes_where_it_goes(
    signed_in: Callable[..., FlaskClient], post: Callable[..., TestResponse]
) -> None:
    browser = signed_in("admin")
    assert post(browser, "/preferences/locale", {"locale": "zh_Hans_CN"}).status_code == 303
    browser.delete_cookie("locale")
    for path, words in {
        "/": "24 小时内失败",
        "/tasks": "个任务",
        "/tasks/examples.basic.add": "立即运行",
        "/runs": "还没有运行",
        "/schedules": "定时计划",
        "/audit": "每一次更改",
        "/settings": "偏好设置",
        "/settings/users": "添加用户",
        "/search?q=zzz": "没有与“zzz”匹配的内容",
    }.items():
        page = browser.get(path)
        assert (page.status_code, language_of(page)) == (200, "zh-CN"), path
        assert words in page.text, path


def test_sentences_follow_each_other_without_a_space_in_chinese(
    signed_in: Callable[..., FlaskClient],
) -> None:
    browser = signed_in("admin")
    browser.set_cookie("locale", "zh_Hans_CN")
    task = "/tasks/sample_tasks.resize"
    make_run("r1", utcnow(), states.SUCCESS, task_name="sample_tasks.resize", runtime_seconds=2.0)
    pages = [browser.get(path) for path in (task, "/settings", "/settings/users/1", "/schedules/new")]
    assert {language_of(page) for page in pages} == {"zh-CN"}
    assert [re.findall(f"..[。，；：] +{CHINESE}+", page.text) for page in pages] == [[]] * 4  # noqa: RUF001


def test_no_message_stands_in_an_f_string() -> None:
    """The extraction does not look into them."""
    marks = {"_", "_l", "ngettext", "pgettext"}
    for path in (PROJECT / "app").rglob("*.py"):
        source = path.read_text()
        if not re.search(rf"\{{[^}}]*\b({'|'.join(marks)})\(", source):  # most need not be parsed
            continue
        for text in ast.walk(ast.parse(source)):
            if isinstance(text, ast.JoinedStr):
                called = {
                    one.func.id
                    for one in ast.walk(text)
                    if isinstance(one, ast.Call) and isinstance(one.func, ast.Name)
                }
                assert not called & marks, f"{path}:{text.lineno}"


def test_what_is_counted_is_not_said_without_a_number(chinese: Catalog) -> None:
    """A catalogue holds `ngettext("worker", …)` apart, so that `_("worker")` would stay English."""
    counted = {message.id[0] for message in messages(chinese) if isinstance(message.id, tuple)}
    folders = (PROJECT / "templates", PROJECT / "app")
    paths = [path for folder in folders for path in folder.rglob("*.*") if path.suffix in (".html", ".py")]
    plain = re.compile(r"""(?<!\w)_l?\(\s*("|')(.+?)\1\s*[,)]""")
    said = {text for path in paths for _quote, text in plain.findall(path.read_text())}
    assert len(said) > 1000
    assert counted & said == set()


def test_switches_have_the_short_words() -> None:
    """In Chinese a switch says 开 or 关, but a state says 已启用 or 已停用."""
    for path in (PROJECT / "templates").rglob("*.html"):
        for word in re.findall(r'<span class="(?:on|off)">(.*?)</span>', path.read_text()):
            assert word.startswith("{{ pgettext('switch',"), path


def test_the_messages_of_a_language_are_read_once(
    app: Flask, signed_in: Callable[[str], FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[list[str]] = []
    load = Translations.load

    def counting(folder: str, locales: list[str], domain: str) -> Any:
        read.append([str(locale) for locale in locales])
        return load(folder, locales, domain)

    monkeypatch.setattr(Translations, "load", counting)
    browser = signed_in("viewer")
    browser.set_cookie("locale", "zh_Hans_CN")
    app.extensions["babel"].instance.domain_instance.cache.clear()
    with app.app_context():
        first = browser.get("/runs").text
    with app.app_context():
        assert 'lang="zh-CN"' in browser.get("/runs").text
    assert 'lang="zh-CN"' in first
    assert read == [["zh_Hans_CN"]]


@pytest.mark.parametrize(
    "word",
    [
        *(
            "您",
            "回溯",
            "错误堆栈到",
            "引发",
            "(?<!之后)释放",
            "软时限",
            "时限",
            "记录进程",
            "新建计划",
            "。 ",
        ),
        *("(?<!消息)(?<!反向)代理(?![码程])", "(^|[。；])它(?!们)"),  # noqa: RUF001
    ],
)
def test_one_thing_has_one_word_in_chinese(chinese: Catalog, word: str) -> None:
    texts = [forms(one.string)[0] for one in messages(chinese)]
    assert [text for text in texts if re.search(word, text)] == []


def test_one_act_has_one_word_in_english(code: Catalog) -> None:
    """Retry, Create, Turn off and the current password: no other word for them."""
    others = re.compile(
        r"\b[Rr]un(ning)? (it|them) again|[Rr]erun|[Pp]resent password|^Mak(e|ing)\b.{0,12}\w+$|Disable\b"
    )
    texts = [text for one in messages(code) for text in forms(one.id)]
    assert [text for text in texts if others.search(text)] == []


def test_every_retry_is_one_in_chinese(chinese: Catalog) -> None:
    named = [
        one for one in messages(chinese) if re.search(r"\b([Rr]etry(ing)?|[Rr]etried)\b(?!-)", key(one)[1])
    ]
    assert len(named) > 10
    assert [key(one) for one in named if "重试" not in forms(one.string)[0]] == []


@pytest.mark.parametrize(
    ("context", "english", "expected"),
    [
        ("act", "Schedule", "设为定时"),
        (None, "Schedule", "定时计划"),
        (None, "never", "从未"),
        (None, "no end", "永不失效"),
        (None, "What", "操作"),
        (None, "Condition", "条件"),
        (None, "From", "来源"),
        (None, "Since", "起始时间"),
    ],
)
def test_what_english_says_in_one_word_chinese_tells_apart(
    chinese: Catalog, context: str | None, english: str, expected: str
) -> None:
    message = chinese.get(english, context)
    assert message is not None
    assert message.string == expected
