"""The English words that matter for how a text ends, by what they do in a sentence.

Belongs here: word lists. Does not belong here: rules.

The lists are short on purpose: function words, and the verbs, adjectives and phrases that people use
when they speak to a machine. A verb's forms in "s", "ed" and "ing" are made from its base form.
"""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def phrases(text: str) -> frozenset[str]:
    return frozenset(phrase.strip() for line in text.splitlines() for phrase in line.split("|") if phrase.strip())


FILLERS = words("um uh er erm hmm hm mm ah eh")
"""Sounds of thinking."""
LEADS = FILLERS | words(
    """
    well so and but okay ok oh hey hi hello yes yeah yep no nope please actually then right now look
    listen basically sorry also alright anyway computer
    """
)
"""What may stand before a sentence without being part of it."""
TRAILS = words("please thanks again now too then instead okay today tomorrow yesterday tonight")
"""What may stand after one."""
SUBJECTS = words("i he she we they")
"""Pronouns that can only be subjects."""
PRONOUNS = SUBJECTS | words(
    """
    you it this that these those there everyone everybody nobody someone somebody anyone anybody
    everything nothing something
    """
)
"""Words that can be a whole subject."""
OBJECTS = words("me him her us them you it")
"""Pronouns that can be objects."""
POINTERS = words("this that these those")
POSSESSIVES = words("my your his our their its")
DETERMINERS = POSSESSIVES | words("the a an this that these those some every all no another each her any both")
"""Words that a noun follows."""
DEGREES = words("ill well badly newly highly very most more less so too rather quite fully")
"""What stands between an article and a participle: "a well educated"."""
BE = words("is are was were am be been being")
MODALS = words("will would can could should shall may might must")
DO = words("do does did")
HAVE = words("have has had")
AUXILIARIES = BE | MODALS | DO | HAVE
WH = words("what who where when why how which whose whom")
"""Question words."""
WHEN = words("when why how")
SUBORDINATORS = words("if because although though while since before after unless until whenever once as even whether")
"""Words that begin a clause which needs another one."""
CLAUSE_OPENERS = words("when if because how why whether unless although though until hope think wish guess")
"""Words after which a pronoun is the beginning of a clause."""
JOINTS = words("and or but so because if while unless although though")
"""Words that join two clauses."""
ADVERBS = words(
    """
    not really just also always never still already only even probably often usually actually ever now
    quite very maybe definitely certainly hardly almost currently all both
    """
)
PREPOSITIONS = words(
    """
    of to with for from at by about into onto between among during without against towards toward via
    per than as past upon within beyond behind beside besides despite except regarding concerning near
    under
    """
)
PARTICLES = words("on off up down in out over back away around through along")
"""What goes with a verb: turn on, look up."""
ADJECTIVES = words(
    """
    new big small large little old young good bad best worst better next last first second third same
    other main own whole great long short red blue green black white most more only favourite favorite
    nearest closest latest important different certain special local public few free full high low early
    late real right wrong left
    """
)
"""The adjectives that most often stand before a noun."""
STANDS_FOR_A_NOUN = words(
    """
    first second third last next other same best worst most nearest closest latest public right left
    past
    """
)
"""Adjectives that can end a sentence after "the"."""
NEVER_LAST = words(
    """
    even just also and or but because although though unless whether if nor plus the a an my your our their every
    each
    another very quite extremely rather whose versus than as most favourite favorite whenever whereas
    until either
    """
)
"""Words that no sentence ends in."""
WEAK = words(
    """
    some any more little few bit lot several many much enough also just only even still ever never
    always really probably usually often last next her half quarter cup glass bottle piece slice pair
    couple number difference kind sort type
    """
)
"""Words that can end a sentence but often don't."""
NUMBERS = words(
    """
    zero oh nought two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
    sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred
    thousand million billion point double triple
    """
)
SPELLED = words(
    """
    alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima oscar papa quebec romeo
    tango
    """
)
"""The spelling alphabet."""

# Verbs, by their base forms

INTRANSITIVE = words(
    """
    work rain snow sleep go come happen live die arrive leave start stop end begin agree help understand
    forget wait talk speak listen look walk run sit stand stay swim drive fly travel cook dance sing
    laugh cry smile study eat drink hurt matter exist change fail win lose finish close open break
    continue rest move return appear disappear call pay read write learn worry exit quit try fit care do
    """
)
"""Verbs that can end a question: "when does it leave"."""
NEEDS_NOTHING = words(
    """
    rain snow sleep happen die agree work matter exist cry laugh smile fail disappear worry start help
    understand forget wait do
    """
)
"""Verbs that can end a statement: "I understand"."""
TRANSITIVE = words(
    """
    want need like love hate have get make put give bring find buy take send show tell ask let set turn
    keep know say think believe mean guess suppose wonder hope hear see feel watch play use add remove
    delete create order book cancel check choose pick pull push cut build fix repair clean wash wear
    carry catch hold hit throw kick draw paint sell rent borrow lend teach explain describe translate
    spell repeat remind search print save copy share download install update connect charge order invite
    visit meet join follow answer count measure compare prefer enjoy miss thank discuss mention
    recommend suggest plan decide remember invent discover win cost weigh contain include produce cause
    cover reach enter lead seem become look sound taste smell increase reduce improve move switch mute
    skip pause resume play record schedule text email message phone ring wake lock unlock dim solve
    lower raise calculate convert define summarize summarise name list report collect deliver return
    prepare pass handle kill offer promise marry work
    """
)
"""Verbs that want something after them."""
PASTS = dict(
    pair.split(":")
    for pair in """
    went:go came:come got:get made:make gave:give brought:bring found:find bought:buy took:take
    sent:send told:tell kept:keep knew:know said:say thought:think believed:believe meant:mean
    heard:hear saw:see felt:feel held:hold threw:throw drew:draw sold:sell lent:lend taught:teach
    met:meet chose:choose built:build wore:wear caught:catch won:win led:lead became:become woke:wake
    slept:sleep ran:run sat:sit stood:stand swam:swim drove:drive flew:fly sang:sing ate:eat drank:drink
    lost:lose broke:break wrote:write read:read spoke:speak left:leave began:begin forgot:forget
    understood:understand paid:pay hurt:hurt let:let put:put cut:cut set:set hit:hit cost:cost fell:fall
    grew:grow rang:ring gone:go been:be seen:see done:do taken:take given:give eaten:eat written:write
    spoken:speak broken:break known:know forgotten:forget chosen:choose worn:wear
    """.split()
)
"""Irregular pasts and participles with their base forms."""
BASES = INTRANSITIVE | TRANSITIVE
CLAUSE_VERBS = words("think say know believe hope guess wonder mean suppose see hear feel wish remember understand")
"""Verbs that a clause may follow: "I think it is"."""
NEEDY = words(
    """
    want need say think believe mean guess suppose wonder tell ask let have like love hate get make put
    give bring find buy take prefer wish
    """
)
"""Verbs that nobody ends with: "I want"."""
DITRANSITIVE = words("give tell show send bring teach lend pass hand let make remind buy offer promise ask get")
"""Verbs for a person and a thing: "give me a"."""
COMMANDS = BASES | words("go come be do wait shut log sign slow calm speed hang google stop tell note")
"""Verbs that begin a command."""
ALONE = words(
    """
    stop cancel pause resume continue repeat help quit exit next skip mute undo wait shut sleep start
    louder quieter
    """
)
"""Commands of one word."""
MOVERS = words("turn switch put take pick log come go shut hold keep carry bring leave send get look move push pull")
"""Verbs whose particle may end the sentence: "turn it on"."""
MOVED = words("turn switch put take move wake add")
"""What these do to a thing comes after the thing: "turn the light on"."""
TRAVELLED = words("go move turn walk run drive step fly head steer")
WAYS = words("forward forwards ahead backward backwards left right straight north south east west up down")
"""How far, or until when, often follows these two: "go forward ten meters"."""
TAKES_PREPOSITION = words("wait talk look listen speak belong laugh walk run")
"""Verbs that ask for a preposition after a question for an object: "what are you waiting for"."""

# Phrases

PARTICLE_ALONE = phrases(
    """
    come in|come on|go on|go back|come back|go away|log in|log out|sign in|sign out|sit down|stand up
    shut up|calm down|slow down|wake up|hang up|shut down|speed up|get up|get out|get in|going on
    look out|watch out|stop by|switch off|turn back|speak up|carry on|start over
    """
)
"""Verbs with a particle that are whole by themselves."""
STRANDED = phrases(
    """
    waiting for|looking for|asking for|it for|this for|that for|paying for|here for|stand for
    talking to|speaking to|listening to|writing to|belong to|looking at|good at|talking about
    thinking about|it about|this about|talk about|thinking of|made of|afraid of|talking with|going with
    coming with|wrong with|deal with|help with|interested in|come from|you from|he from|she from
    they from|it from|think of|hear from|happened to|depend on|working on
    """
)
"""Ends of questions for what the preposition belongs to."""
HEARD_OUT = phrases(
    """
    yes|no|yeah|yep|nope|okay|ok|sure|yes please|no thanks|no thank you|thank you|thanks|thanks a lot
    thank you very much|thank you so much|thanks very much|many thanks|never mind|no problem|not at all
    of course|of course not|why not|good morning|good evening|good afternoon|good night|goodnight|hello
    hello there|hi|hi there|hey|goodbye|bye|bye bye|see you|see you later|see you tomorrow|see you soon
    see you then|that is all|that is it|that is correct|that is right|that is fine|that is enough
    that is wrong|exactly|absolutely|definitely|correct|i think so|i do not think so|i hope so
    i hope not|i guess so|i am fine|i am fine thank you|i am good|i am done|you are welcome|excuse me
    pardon|sorry|i am sorry|all right|alright|very good|great|perfect|got it|i understand|i see|nothing
    nothing else|shut up|be quiet|stop it|what happened|how come|certainly|good|fine|please do
    please do not|go ahead|what a pity|well done|stop talking|so do i|sounds good|no idea
    i have no idea|good idea|not now|not yet|not today|forget it|next please|one moment please|cheers
    """
)
"""Answers and courtesies after which nothing is expected."""
GO_ON = phrases(
    """
    for example|for instance|such as|i mean|kind of|sort of|in order to|by the way|not only|let me
    i am going|i was going|i was wondering|i have been|how about|what about|how many|and then|so then
    but then|in case|so that|i would like|i would love|i am looking|do you know if|as well|i want you
    i need you|i would
    """
)
"""Ends after which something must come."""

ENDINGS = {"m": "am", "re": "are", "ve": "have", "ll": "will", "d": "would"}
"""What stands after an apostrophe."""
WRITTEN_OUT = dict(
    pair.strip().split("=")
    for pair in """
    can't=can not|won't=will not|shan't=shall not|cannot=can not|let's=let us|ain't=is not|gonna=going to|wanna=want to
    gotta=have to|gimme=give me|lemme=let me|wont=will not|dont=do not|doesnt=does not|didnt=did not|cant=can not
    isnt=is not|im=i am|ive=i have|whats=what is|thats=that is|oclock=o'clock
    """.strip()
    .replace("\n", "|")
    .split("|")
)
"""Other short forms; recognisers leave the apostrophe out."""
