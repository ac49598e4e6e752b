"""How a Chinese text reads at its end: patterns on what stands at its beginning and its end.

Belongs here: Chinese. Does not belong here: punctuation (the package reads it), milliseconds.

No words are cut; where a pattern is in doubt, it does not match.
"""

from __future__ import annotations

import re

from voicecli.dialogue.reading.english import read_english
from voicecli.dialogue.reading.result import Reading
from voicecli.text.characters import HAN_KANA

COMPLETE, PLAIN, DANGLING = Reading.COMPLETE, Reading.PLAIN, Reading.DANGLING

_HAN = re.compile(f"[{HAN_KANA}]")

_LONGEST = 100
"""Longer texts are not read for their shape."""
_DIGIT = "零〇一二三四五六七八九十百千万亿两幺\\d"
_NUMBER_END = re.compile(
    rf"(?:[零〇二三四五六七八九百千万亿幺\d]|[{_DIGIT}]{{2,}}|^[{_DIGIT}]|[{_DIGIT}半]点"
    rf"|(?<![星期第统唯])[一十])$"
)
_A_LITTLE = re.compile("[大小高低快慢多少早晚轻响亮暗好热冷近远长短简单]一点$")
_LEADS = re.compile(
    "^(?:嗯+|呃+|额|啊|哦|噢|喂|诶|哎|唉|那个(?=.{3})|就是(?=.{4})|然后(?=.{4})|请问|其实(?=.{3})"
    "|那(?=[你我他她么就今明])|所以(?=.{4})"
    "|你好(?=.{3})|好的?(?=[我你那请帮把])|对了|不好意思|麻烦(?=你)|但是(?=.{5})|而且(?=.{5}))"
)
_WHEN = (
    rf"(?:(?:今天|明天|后天|昨天|前天|现在|刚才|刚刚|早上|上午|中午|下午|晚上|今晚|明早|每天|以后|待会儿?|一会儿?"
    rf"|等一?下"
    rf"|下?个?(?:星期|周|礼拜)[一二三四五六日天末]?|[{_DIGIT}]+点(?:半|钟|[{_DIGIT}]+分)?|[{_DIGIT}]+(?:分钟"
    rf"|小时|天)后)的?)+"
)
_TIME = re.compile(f"^{_WHEN}")
_HEARD_OUT = re.compile(
    "(?:好|好的|好吧|好啊|好嘞|行|行吧|可以|可以的|当然|当然可以|没问题|没事|没关系|不客气|不用|不用了|不要|不要了"
    "|不是|不行|不对|不了|不会"
    "|是|是的|是啊|对|对的|对啊|没错|谢谢|谢谢你|谢谢您|多谢|非常感谢|太好了|太棒了|真棒|再见|拜拜|晚安|早|早安"
    "|早上好|上午好|中午好|下午好|晚上好"
    "|你好|您好|你们好|大家好|喂|嗨|停|停下|停下来|停止|暂停|继续|取消|退出|返回|下一首|上一首|下一个|算了|算了吧"
    "|没有了|没了|够了|知道了"
    "|明白了|我知道了|我明白了|懂了|好了|可以了|对不起|不好意思|抱歉|等一下|等等|安静|别说了|闭嘴|再说一遍|重复一遍"
    "|怎么办|怎么样|为什么呢"
    "|然后呢|后来呢|真的|真的吗|是吗|对吧|什么意思|没什么|一样|(?:明天|回头|一会儿?|待会儿?|下次|下周|晚点)见"
    "|再来一次|救命)[啊呀哦吧了啦]?"
)
_GOES_ON = re.compile(
    "(?:^那个|(?:[嗯呃额]|就是|然后)那个|^[给把帮]我|就是|然后|因为|所以|但是?|可是|不过|而且|或者?|还有|以及|和|跟"
    "|与|及|嗯|呃|额|如果|要是|假如|假设|比如说?|例如"
    "|譬如|的话|虽然|尽管|即使|哪怕|只要|只有|除非|除了|不但|不仅|首先|其次|其实|另外|此外|最后|关于|对于|由于|为了"
    "|[^正]当|^当|把|被|给|向"
    "|从|[^现存实潜所外内]在|^在|往|[^对相]比|让|我叫|他叫|她叫|叫做|(?<![不还老])是|^还是|[我你他她它们]的"
    "|[今明昨]天的|很|非常|特别是?|太|最|更|比较"
    "|也|都|就|才|(?<!归)还|又|再|不|的那|想|想要|(?<![不需])要|能|(?<![不开约聚机社晚宴])会|应该|需要|必须|可能|觉得"
    "|认为|以为|希望|听说|感觉|(?<!别)(?<!怎么)说|你知道"
    "|告诉我|提醒我|帮我|请你?|问一?下|想问|我问|^(?:打开|播放|搜索)|确保|不仅如此|一边|有很多|[还也就都](?:会|能"
    "|可以)|[你他她]们?问我|(?:希望|觉得|认为|以为|知道|说)[我你他她它]|关于"
    "|[一两三四五六七八九几][个杯张首本位家条件只台篇种份辆把间部段句块]|[要想能会准备打算]去|(?<!能)能不能|可不可以"
    "|会不会"
    "|要不要|是不是|有没有|什么是|为什么|怎么才|我们|你们|他们|^[我你他她它]|[和跟因为如果比如]这个|是我|到底|究竟|到"
    "|怎么|要么|记得|的时候|(?<![月年天周久])[以之][后前]|[天上午晚后时候是为果以但]，?[我你他她]|第[一二三四五])$"
)
_ENDS_WITH_QUESTION = re.compile("(?:对不对|好不好|行不行|[过了]没有?)$")
_BEGINS_CLAUSE = re.compile(
    "^(?:如果|要是|假如|因为|由于|虽然|尽管|即使|哪怕|只要|只有|除非|既然|不管|无论|当.{2,}(?:时|的时候)|当我|等我)"
)
_TAKES = re.compile("(?:^|[我你请想要能])把[^了]{1,5}$|告诉我?(?:老[婆公]|[爸妈哥姐弟妹]{1,2}|.?们)$")
_REMINDS_OF = re.compile(rf"(?:告诉|提醒|叫)我(?:{_WHEN})$")
"""Of what, is still to come."""
_MAIN_CLAUSE = re.compile("(?:就|那[我你他就么]|所以|但是?|可是|却|还是|也|才|都).{2,}$")
_ASKS_AT_END = re.compile(
    "(?:.(?:吗|呢|吧|嘛)|(?<![什怎那这要多])么|.(?:(?<!有)什么|(?<=[是找给跟和问见等叫像有])谁|哪[里儿]|多少钱?"
    "|怎么[样走说办做去用弄写读]|多[远大久长高重快]|(?:星期|周)?几|几[点个岁号天月楼次]))[啊呀了呢的]?$"
)
_ASKS = re.compile(
    "(?:什么.{2,}|谁.{2,}|哪[个里儿些位种天].{2,}|几[点个].{2,}|多少.{1,}|怎么.{2,}|(?:为什么"
    "|什么时候)(?=.*[是有会能了不没去来做说走用开到吃看买贵好难]).{3,}"
    "|有没有.{2,}|[会能要是]不[会能要是].{3,}|可不可以.{2,}|.{2,}多(?:远|大|久|长|高))$"
)
_SHORT_QUESTION = re.compile("(?:你|他|她|您|那|这)是谁|谁啊|几点了|多少钱|怎么了|怎么走")
_COMMAND = re.compile(
    "(?:请你?|麻烦你?|帮我|给我|你|快|再)*(?:"
    "(?:打开|关掉|关闭|关上|开启|启动|播放|暂停|停止|取消|删除|搜索|查询|查找|查一?下|翻译|解释|介绍|总结|计算|设置"
    "|设定|调[高低大小]|增加|降低|减小|念|朗读).{1,}"
    "|(?:放|唱|讲|说|念|来|写|画|找|查|搜|定|订|买|点|开|关|做|发|读|算|推荐|安排|预订|预约|记).{2,}"
    "|把.{2,}(?:了|掉|上|开|起来|下来|一点|一下|给我|好|出来|完|到.{1,}|成.{1,}|调.{1,})"
    "|(?:告诉|提醒|叫)我(?!老[婆公]|[爸妈哥姐弟妹]).{2,}|给.{1,5}(?:打电话|打个电话|发短信|发消息|发邮件|发个.{2,}"
    "|写信)|别.{1,}(?:了|我)|不要.{2,}了?|用.{1,8}(?:写|画|说|做|读|念).{2,}"
    "|再(?:说|来|讲|放|唱|读|念|试)一?[遍次下个首]|.{0,2}等一?[下会等]儿?|[试看听想说讲走]一下|安静.{0,2}"
    "|[上下]一?[首个曲集章页]歌?)$"
)
_ME = (
    "我|你|您|他|她|它|我们|你们|他们|她们|咱们|大家|我[爸妈哥姐弟妹]?[爸妈哥姐弟妹]|我的.{1,4}?|你的.{1,4}?"
    "|这.{0,3}?|那.{0,3}?"
)
_STATEMENT = re.compile(
    rf"(?:(?:{_ME})(?:{_WHEN})?|(?=不?[想要会能]))(?:也|都|还|就|真的?|非常|很|只|不|没|一直|已经"
    rf"|正在|刚刚?|经常|常常|可能|应该|得|要|想要?|想|会|能|可以|打算|准备|需要|喜欢|希望|不想|不能|不会)*"
    "(?:是|叫|有|没有|喜欢|爱|吃|喝|买|卖|看|听|住在|去|来|学|做|用|找|订|预订|玩|穿|开|坐|等|见|认识|带|拿|送|给|换"
    "|喝|写|读|工作在|来自|到|租|借|修|取消|退|参加|了解|学习|需要|要|丢|忘|发现|收到|试试?|认识)"
    "(?:了|过|到)?.{2,}$"
)
_HAPPENED = re.compile("^.{3,}[^为除到]了$|^太.{1,3}了$")
_STATE = re.compile(
    "^.{2,}[^的不]是.{2,}$|^.{2,}(?:很|非常|太|真|挺|特别|有点儿?|好|不太|十分|比较).{1,3}$"
    "|^.{1,}[听看想做吃买找学说记睡走].?[不得][懂见到了清完起着动好]$"
    "|没[听看想吃找做学睡][懂见清到完好饱着]$|^.{2,}没?有(?:.{2,}|人)$"
    "|^.{1,}(?:下雨|下雪|说话|聊天|见面|睡觉|吃饭|回家|上班|下班|上课|开会|做饭|洗澡|跑步|游泳|休息|旅游|出去|回去"
    "|帮忙)$"
)
_NOT_WHOLE = re.compile(
    "(?:^(?!.*是).*(?<![你我他她人])的|^(?!把).*(?<![等试停歇听看想虑论])一下|那个|这个|问题|事情"
    rf"|一下(?:{_WHEN})|(?<![好怎么一])[买喝写订找拿送打换带穿问叫收]|[这那哪][句首本张件条部篇]"
    "|(?:[给跟和对把从用为向比]|(?<![住坐放站])在)[^了过着]{1,3})$"
)
_TOOK = re.compile(
    "^(?!.*(?:把|被|已经|都|也|不|再|早就|快要?)).+[买喝看做写订找拿给送去学用打卖换带穿听说问叫请发收]了$"
)
_WHAT_SORT = re.compile("什么(?!时候).{2,}的$")
_SAYS = re.compile(rf"^(?:{_ME}).{{0,2}}(?:觉得|认为|以为|希望|听说|感觉|知道|发现|说)")
_REST = re.compile("[\\s，。！？、；：,.!?;:“”\"'（）()《》…—～~-]+")


def bare_of(text: str) -> str:
    """The characters without punctuation and white space."""
    return _REST.sub("", text.lower())


def number_at_end(text: str) -> bool:
    return bool(_NUMBER_END.search(bare_of(text)))


def read_chinese(text: str) -> Reading:
    bare = bare_of(text)
    if not _HAN.search(bare):
        return read_english(text) if re.search("[a-z]", bare) else PLAIN
    core = _without(bare, _LEADS)
    if any(_HEARD_OUT.fullmatch(each) for each in (bare, core)):
        return COMPLETE
    if _dangles(core or bare):
        return DANGLING
    if not core or len(core) > _LONGEST or (_NUMBER_END.search(core) and not _A_LITTLE.search(core)):
        return PLAIN
    return COMPLETE if _whole(core) else PLAIN


def _without(text: str, pattern: re.Pattern[str]) -> str:
    while shorter := pattern.sub("", text):
        if shorter == text:
            break
        text = shorter
    return text


def _dangles(core: str) -> bool:
    if _ENDS_WITH_QUESTION.search(core):
        return False
    if _GOES_ON.search(core) or _REMINDS_OF.search(core):
        return True
    if _TAKES.search(core) and not _COMMAND.match(_without(core, _TIME)):
        return True
    unfinished = _BEGINS_CLAUSE.match(core) and not _MAIN_CLAUSE.search(core)
    return bool(unfinished) and not _asks(core)


def _asks(core: str) -> bool:
    at_end = _ENDS_WITH_QUESTION.search(core) or _ASKS_AT_END.search(core)
    return bool(at_end or _ASKS.search(core) or _SHORT_QUESTION.search(core))


def _whole(core: str) -> bool:
    if _NOT_WHOLE.search(core) or _TOOK.match(core):
        return bool(_ASKS_AT_END.search(core) or _ENDS_WITH_QUESTION.search(core) or _WHAT_SORT.search(core))
    if _asks(core):
        return True
    if said := _SAYS.match(core):
        rest = core[said.end() :]
        return len(rest) > 2 and _whole(rest)
    core = _without(core, _TIME) or core
    if _COMMAND.match(core) or _HAPPENED.match(core) or (_A_LITTLE.search(core) and len(core) > 4):
        return True
    return bool(_STATEMENT.match(core) or _STATE.match(core))
