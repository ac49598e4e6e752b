"""Replies as agents write them for a screen, and what must be heard of each: for test_replies.py.

`heard` is all that is spoken; `""` where it is only to keep the bounds.
"""

from __future__ import annotations

MORE, MORE_ZH = "There is more on the screen.", "更多内容在屏幕上。"
CODE = "(a piece of code)"

DIFF = """diff --git a/src/app.py b/src/app.py
index 83db48f..bf269f4 100644
--- a/src/app.py
+++ b/src/app.py
@@ -1,3 +1,3 @@
-x = 1
+x = 2
 y = 3
"""
LOG = """============================= test session starts ==============================
collected 214 items

tests/test_app.py ....F                                                   [100%]
FAILED tests/test_app.py::test_total - assert 3 == 4
======================== 1 failed, 213 passed in 4.05s =========================
"""
LONG = "This is a sentence of some length that goes on about the design of the parser. "

REPLIES: list[tuple[str, str]] = [
    ("All 214 tests passed in 3.21 s.", "All 214 tests passed in 3.21 s."),
    ("I changed `src/app/main.py`, 3 lines.", "I changed main.py, 3 lines."),
    ("The bug is in /usr/lib/python3.11/site-packages/foo.py:42.", "The bug is in foo.py line 42."),
    ("HTTP 404. Not found.", "HTTP 404. Not found."),
    ("See https://docs.example.com/a/b?page=2#top for more.", "See docs.example.com for more."),
    ("See [the guide](https://example.com/guide/3) for 2 examples.", "See the guide for 2 examples."),
    ("Run `npm run build && ls -la ./out`.", "Run npm run build , ls la out."),
    ("Set `--max-old-space-size=4096` in NODE_OPTIONS.", "Set max old space size 4096 in NODE_OPTIONS."),
    ("Here is it:\n\n```py\nfor each in range(10):\n    print(`each`)\n```\nIt prints 10 lines.", ""),
    (f"I made one change.\n\n{DIFF}\nIt works now.", f"I made one change. It works now. {MORE}"),
    (f"```diff\n{DIFF}```\nDone: 1 line.", f"{CODE} Done: 1 line. {MORE}"),
    (f"{LOG}\nOne of 214 tests fails.", ""),
    ("| file | lines |\n|---|---|\n| a/b.py | 12 |\n| c.py | 3 |\n\nShall I go on?", ""),
    (LONG * 12 + "Shall I rewrite it?", f"{LONG}There is more on the screen. Shall I rewrite it?"),
    (LONG.replace(". ", ", ") * 8 + "and so on.", ""),
    ("1. Open the file.\n2. Change 3 lines.\n3. Save.\n4. Run it.", ""),
    ("<say>It is done, 2 files.</say>\n" + LONG * 9 + "`</say>`", "It is done, 2 files."),
    ("In `<say>x</say>` and ```\n<say>y</say>\n``` tags are text.", ""),
    ("You can use TCP/IP and/or UDP, 24/7, at 10 km/h, 1/2 of the time.", ""),
    ("C:\\Users\\me\\notes\\todo.txt has 7 entries; ~/.bashrc has none.", "todo.txt has 7 entries; .bashrc has none."),
    ("我修改了 `src/main.py` 和 /etc/hosts 两个文件，共 12 行。", "我修改了 main.py 和 hosts 两个文件，共 12 行。"),
    ("全部 37 个测试通过，用时 2.5 秒。要提交吗？", "全部 37 个测试通过，用时 2.5 秒。 要提交吗？"),
    ("先看代码：\n\n```js\nconst a = `x/${y}`\n```\n这样可以少 3 次请求。", ""),
    ("详情见 https://example.cn/文档/第3章?x=1 。", ""),
    (f"改动如下：\n\n{DIFF}\n请确认这 1 处改动。", f"改动如下： 请确认这 1 处改动。 {MORE_ZH}"),
    ("这是一个很长的句子，里面讨论了解析器的设计。" * 12 + "要我重写吗？", ""),
    ("测试结果：\n" + LOG + "\n有 1 个失败。", ""),
    ("步骤：\n1. 打开文件\n2. 修改 3 行\n3. 保存\n4. 运行 `make -j4 test`", ""),
    ("<say>完成了，改了 2 个文件。</say>" + "细节很多。" * 50, "完成了，改了 2 个文件。"),
    ("| 文件 | 行数 |\n|---|---|\n| src/a.py | 12 |\n\n共 12 行，路径是 `./src/a.py`。", ""),
]
