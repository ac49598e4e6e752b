// Every sentence of the page, in English and Chinese. Belongs here: words. Does not belong here: when they are shown.

const WORDS = {
  en: {
    hint: "Press the button and speak. You may interrupt at any time; or type.",
    type: "Or type here …",
    send: "Send",
    model: "Model",
    voice: "Voice",
    key: "Key",
    default: "default",
    start: "Start talking",
    stop: "Stop talking",
    idle: "",
    connecting: "Connecting …",
    listening: "I am listening.",
    typing: "Connected; type below.",
    hearing: "You speak …",
    thinking: "Thinking …",
    speaking: "Speaking. Talk to interrupt.",
    denied: "The browser may not use the microphone. Allow it in the address bar and press again, or type.",
    missing: "No microphone was found. Plug one in and press again, or type.",
    busy: "The microphone cannot be opened; another program may hold it. You can type.",
    insecure: "Browsers give a microphone only to pages of this machine or over HTTPS. You can type.",
    locked: "This server wants its key.",
    unreachable: "The server does not answer.",
    leaving: "The server has ended the conversation.",
    full: "The server has no room now; try again in a moment.",
    failed: "Something went wrong: ",
  },
  zh: {
    hint: "按下按钮就可以说话，随时可以打断；也可以打字。",
    type: "也可以在这里打字……",
    send: "发送",
    model: "模型",
    voice: "音色",
    key: "密钥",
    default: "默认",
    start: "开始说话",
    stop: "停止说话",
    idle: "",
    connecting: "正在连接……",
    listening: "我在听。",
    typing: "已连接，请在下面打字。",
    hearing: "你在说话……",
    thinking: "正在想……",
    speaking: "正在回答，开口就能打断。",
    denied: "浏览器不允许使用麦克风。请在地址栏中允许，再按一次；也可以打字。",
    missing: "没有找到麦克风。请接上一个再按；也可以打字。",
    busy: "打不开麦克风，也许被别的程序占用了。可以打字。",
    insecure: "只有本机的网页或 HTTPS 网页才能使用麦克风。可以打字。",
    locked: "这台服务器需要密钥。",
    unreachable: "服务器没有应答。",
    leaving: "服务器结束了对话。",
    full: "服务器现在没有空位，请稍后再试。",
    failed: "出错了：",
  },
};

let language = "en";

/** The language of the words from now on: "en" or "zh". */
export function speakIn(wanted) {
  language = wanted in WORDS ? wanted : "en";
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const each of document.querySelectorAll("[data-words]")) each.textContent = word(each.dataset.words);
  for (const each of document.querySelectorAll("[data-placeholder]")) {
    each.placeholder = each.ariaLabel = word(each.dataset.placeholder);
  }
}

export const word = (name) => WORDS[language][name] ?? "";

/** What the browser prefers of the two. */
export const preferred = () => (/^zh\b/i.test(navigator.language) ? "zh" : "en");
