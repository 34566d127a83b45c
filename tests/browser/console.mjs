// The console in a real browser: node console.mjs SCENARIO SERVICE CONTROL SCREENSHOTS

import { DESK, PASSWORD, PHONE, accessible, browsing, expect, logIn, opened, shot, touchable, until, url, world } from "./shop.mjs";

const row = (page, psid) => page.locator(".row", { hasText: psid.slice(-4) });

/** The page as it is, light and dark: large enough to touch, accessible, and pictures to look at. */
async function looked(page, what, device, language) {
  if (device === "phone") await touchable(page, what);
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    const name = `${what}-${device}-${colorScheme}-${language}`;
    await accessible(page, name);
    await shot(page, name);
  }
}

/** Every page, in both languages, light and dark: axe, and pictures to look at. */
async function everyPage(browser, device, options) {
  const names = ["ნინო ბერიძე", "გიორგი კაპანაძე", "Ana Lomidze", "მარიამ გელაშვილი", "ლუკა მაისურაძე", "თამარ ხუციშვილი"];
  for (const [index, name] of names.entries()) await world.knows(`555000800${index + 1}`, name);
  await world.ask("/inbox");
  await world.writes("5550008001", "გამარჯობა, ტყავის ჩანთა ისევ გაქვთ? მიტანა ბათუმში რა ჯდება და როდის მოვა?");
  await world.answers("5550008001", "გამარჯობა! დიახ, 120,50 ₾, მიტანა 5 ₾");
  await world.later(4 * 60);
  await world.writes("5550008002", "რა ღირს?");
  await world.ask("/tagged?psid=5550008003");
  await world.ask("/refused?psid=5550008004");
  await world.later(9 * 60);
  await world.writes("5550008005", "მაშინ ჩანთას ავიღებ");
  await world.answers("5550008005", "შეკვეთა მიღებულია: ჩანთა 120 ₾, მიტანა 5 ₾");
  await world.later(7 * 60);
  await world.writes("5550008006", "შავი ფერიც გაქვთ?");
  await world.ask("/test");
  for (const language of ["en", "ka"]) {
    const page = await opened(browser, options);
    const seen = (what) => looked(page, what, device, language);
    const ready = () => page.waitForSelector("html[data-ready]");
    await page.goto(`${url}/console/login?language=${language}`);
    await seen("login");
    await page.goto(`${url}/console/link/none?language=${language}`);
    await seen("link");
    await logIn(page, "giorgi");
    await ready();
    if ((await page.getAttribute("html", "lang")) !== language) {
      await page.locator(".me summary").click();
      await page.locator(`.sheet button[value=${language}]`).click();
      await page.waitForSelector(`html[lang=${language}][data-ready]`);
    }
    await until("Meta told the names", async () => {
      await page.goto(`${url}/console/queue`);
      return (await page.textContent("#list")).includes("თამარ");
    });
    await ready();
    await seen("queue");
    await page.locator(".me summary").click();
    await seen("menu");
    for (const [what, person] of [["conversation", "ნინო"], ["waiting", "ლუკა"]]) {
      await page.goto(`${url}/console/queue`);
      await page.locator(".row", { hasText: person }).locator("a.open").click();
      await page.waitForURL(/conversations/);
      await ready();
      await seen(what);
    }
    await page.locator("#snooze > summary").click();
    await seen("snooze");
    await page.goto(`${url}/console/search?q=S-1001`);
    await seen("search");
    await page.locator("a.open").first().click();
    await page.waitForURL(/conversations/);
    await ready();
    await seen("order");
    await page.locator("#tag-3 > summary").click();
    await seen("reasons");
    for (const what of ["deliveries", "today", "pages", "people"]) {
      await page.goto(`${url}/console/${what}`);
      await seen(what === "pages" ? "settings" : what);
    }
    await page.goto(`${url}/console/pages`);
    await page.fill("form.stack input[name=pattern]", "შეკვეთა მიღებულია {*} {value} ₾");
    await page.locator("form.stack button[value=try]").click();
    await page.locator(".trial").waitFor();
    await seen("trial");
    await page.goto(`${url}/console/conversations/nothing`);
    await seen("trouble");
    await page.context().close();
  }
}

const scenarios = {
  /** Keys alone: a chat appears, is tagged, held, undone, tagged again, sent. */
  async desk(browser) {
    const page = await opened(browser, DESK);
    await logIn(page);
    await page.waitForSelector("html[data-ready]");
    expect(await page.locator(".empty").isVisible(), "nobody waits at first");
    await page.evaluate(() => { window.stays = true; });
    await world.writes("5550007001", "გამარჯობა, ჩანთა გაქვთ?");
    await row(page, "5550007001").waitFor();
    expect(await page.evaluate(() => window.stays), "the chat appeared without a reload");
    await world.writes("5550007002", "რა ღირს?");
    await row(page, "5550007002").waitFor();
    await world.answers("5550007002", "ჩანთა 120,50 ₾, მიტანა უფასოა");
    await until("the answer is shown", async () => (await page.textContent("#list")).includes("120,50"));
    await page.locator("[data-row]").first().focus();

    // j, 1, Enter: three keys from the queue to a saved tag.
    await page.keyboard.press("j");
    expect(await page.evaluate(() => document.activeElement.textContent.includes("7002")), "j went down");
    await page.keyboard.press("1");
    await page.waitForURL(/conversations/);
    await page.waitForSelector("html[data-ready]");
    await until("the save button has the focus", () => page.evaluate(() => document.activeElement.matches("[data-save]")));
    await shot(page, "desk-tag");
    await Promise.all([page.waitForURL(/queue\?saved/), page.keyboard.press("Enter")]);
    const flash = page.locator("#flash");
    expect((await flash.textContent()).includes("Goes to Meta at"), "what is held is said");
    await shot(page, "desk-saved");
    await page.waitForSelector("html[data-ready]");
    await until("the focus is kept in the queue", () => page.evaluate(() => document.activeElement.matches("[data-row]")));

    await Promise.all([page.waitForURL((now) => now.href.includes("saved=")), page.keyboard.press("u")]);
    await until("it was taken back", async () => (await flash.textContent()).includes("Taken back"));
    await row(page, "5550007002").waitFor();
    expect((await world.told()).length === 0, "Meta was told nothing");

    await page.waitForSelector("html[data-ready]");
    await page.locator("[data-row]", { hasText: "7002" }).focus();
    await page.keyboard.press("Enter");
    await page.waitForURL(/conversations/);
    await page.waitForSelector("html[data-ready]");
    await page.keyboard.press("1");
    await Promise.all([page.waitForURL(/queue\?saved/), page.keyboard.press("Enter")]);
    await page.goto(`${url}/console/deliveries`);
    expect((await page.textContent("#list")).includes("Goes to Meta at"), "the event is held");
    await page.waitForSelector("html[data-ready]");
    await world.later(31 * 60);
    await until("the page says that it was sent", async () => (await page.textContent("#list")).includes("Meta took it"));
    expect((await world.told()).join() === "120.5", "Meta was told once, with the right value");

    // The other keys.
    await page.goto(`${url}/console/queue`);
    await page.waitForSelector("html[data-ready]");
    await page.keyboard.press("?");
    expect(await page.locator("#keys").isVisible(), "? shows the keys");
    await accessible(page, "the keys");
    await page.keyboard.press("Escape");
    await page.keyboard.press("/");
    expect(await page.evaluate(() => document.activeElement.id === "q"), "/ goes to the search");
    await page.keyboard.type("S-1001");
    await Promise.all([page.waitForURL(/search/), page.keyboard.press("Enter")]);
    await row(page, "5550007002").waitFor();
    await page.goto(`${url}/console/queue`);
    await page.waitForSelector("html[data-ready]");
    await page.locator("[data-row]").first().focus();
    await page.keyboard.press("Enter");
    await page.waitForURL(/conversations/);
    await page.waitForSelector("html[data-ready]");
    await page.keyboard.press("s");
    await Promise.all([page.waitForURL(/snoozed=/), page.keyboard.press("Enter")]);
    await page.locator(".empty").waitFor();
    await world.later(61 * 60);
    await row(page, "5550007001").waitFor();
  },

  /** The same at 360 px by touch: three taps from the queue to a saved tag. */
  async phone(browser) {
    const page = await opened(browser, PHONE);
    await logIn(page);
    await page.waitForSelector("html[data-ready]");
    await world.writes("5550007003", "არის ადგილზე?");
    await row(page, "5550007003").waitFor();
    await world.answers("5550007003", "დიახ, 89 ლარი");
    await until("the answer is shown", async () => (await page.textContent("#list")).includes("89"));
    await touchable(page, "the queue");
    await page.locator("[data-row]").first().tap();
    await page.waitForURL(/conversations/);
    await page.waitForSelector("html[data-ready]");
    await touchable(page, "the conversation");
    const save = page.locator("[data-save]:visible").first();
    expect(await save.evaluate((one) => one.getBoundingClientRect().bottom < innerHeight), "the button needs no scrolling");
    await Promise.all([page.waitForURL(/queue\?saved/), save.tap()]);
    expect((await page.textContent("#flash")).includes("89.00"), "the proposed amount was saved");
    await Promise.all([page.waitForURL((now) => now.href.includes("saved=")), page.locator("#flash button").tap()]);
    await until("it was taken back", async () => (await page.textContent("#flash")).includes("Taken back"));
    await page.locator("[data-row]").first().tap();
    await page.waitForURL(/conversations/);
    await page.waitForSelector("html[data-ready]");
    await Promise.all([page.waitForURL(/queue\?saved/), page.locator("[data-save]:visible").first().tap()]);
    await world.later(31 * 60);
    await until("Meta was told", async () => (await world.told()).join() === "89.0");
  },

  /** Plain forms, without any script. */
  async plain(browser) {
    const page = await opened(browser, { ...DESK, javaScriptEnabled: false });
    await logIn(page);
    await world.writes("5550007004", "მინდა ჩანთა");
    await world.answers("5550007004", "სულ 45.50 ლარი");
    await until("the chat is in the queue", async () => {
      await page.goto(`${url}/console/queue`);
      return (await page.textContent("#list")).includes("45.50");
    });
    await row(page, "5550007004").locator("a.open").click();
    await page.locator("[data-save]:visible").first().click();
    expect((await page.textContent("#flash")).includes("45.50"), "the tag was saved");
    await page.locator("#flash button").click();
    expect((await page.textContent("#flash")).includes("Taken back"), "it was taken back");
    await row(page, "5550007004").locator("a.open").click();
    await page.locator("summary", { hasText: "Lost" }).click();
    await page.locator("button[name=reason]:visible").first().click();
    expect((await page.textContent("#flash")).includes("Lost"), "a reason is one press");
    await page.fill("#q", "7004");
    await page.locator(".search button").click();
    expect(page.url().includes("/console/search"), "the search is a form");
    await page.locator(".me summary").click();
    await page.locator("button[value=ka]").click();
    expect((await page.getAttribute("html", "lang")) === "ka", "the language is a form");
    await page.locator(".me summary").click();
    await page.locator("form[action='/console/logout'] button").click();
    await page.waitForURL(/login/);
  },

  async first(browser) {
    const code = await world.ask("/code");
    for (const [device, options] of [["desk", DESK], ["phone", PHONE]]) {
      const page = await opened(browser, options);
      for (const language of ["en", "ka"]) {
        await page.goto(`${url}/console/first?language=${language}`);
        await looked(page, "first", device, language);
      }
    }
    const page = await opened(browser, DESK);
    await page.goto(`${url}/`);
    await page.waitForURL(/first/);
    await page.fill("input[name=code]", code);
    await page.fill("input[name=name]", "giorgi");
    await page.fill("input[name=password]", PASSWORD);
    await Promise.all([page.waitForURL(/queue|today/), page.click("button.main")]);
  },

  pages_on_a_desk: (browser) => everyPage(browser, "desk", DESK),
  pages_on_a_phone: (browser) => everyPage(browser, "phone", PHONE),
};

await browsing(scenarios[process.argv[2]]);
