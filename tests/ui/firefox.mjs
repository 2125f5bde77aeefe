// What a hand does with the page, in Firefox: puppeteer-core drives it over WebDriver BiDi.
//
//     node firefox.mjs FOLDER FIREFOX ADDRESS PATIENCE_S < picture.js
//
// FOLDER has puppeteer-core in its node_modules; picture.js is a function of a figure's name that
// gives what it shows. Prints, as JSON, what was seen.

import {createRequire} from "node:module"
import {text} from "node:stream/consumers"
import {pathToFileURL} from "node:url"

const [folder, executablePath, address, patience] = process.argv.slice(2)
const found = createRequire(`${folder}/`).resolve("puppeteer-core")
const {default: puppeteer} = await import(pathToFileURL(found))
const picture_of = await text(process.stdin)
const timeout = 1000 * Number(patience)

const browser = await puppeteer.launch({browser: "firefox", executablePath, headless: true, timeout, protocolTimeout: timeout})
try {
  const page = await browser.newPage()
  const problems = []
  const outside = []
  page.on("console", (message) => { if (message.type() === "error") problems.push(message.text()) })
  page.on("pageerror", (error) => problems.push(String(error)))
  page.on("request", (request) => {
    if (!/^(http:\/\/127\.0\.0\.1:|data:|blob:)/.test(request.url())) outside.push(request.url())
  })
  page.setDefaultTimeout(timeout)
  await page.setViewport({width: 1366, height: 768})
  await page.goto(address)

  const picture = () => page.evaluate(`(${picture_of})("slot_main image")`)
  const mode = async () => (await page.$(">>> .status .mode"))?.evaluate((word) => word.textContent)
  const until = async (condition, what) => {
    for (const end = Date.now() + timeout; Date.now() < end;) {
      const result = await condition()
      if (result) return result
      await new Promise((next) => setTimeout(next, 100))
    }
    throw new Error(`not within ${patience} s: ${what}`)
  }
  const exact = async () => {
    await until(async () => await mode() === "exact" && await picture(), "an exact picture")
    // What the hand did last may be on its way still.
    await new Promise((next) => setTimeout(next, 1500))
    await until(async () => await mode() === "exact", "the exact picture of what is set")
    return picture()
  }

  const before = await exact()
  const slider = await page.$(">>> input[type=range][data-name=defocus]")
  const box = await slider.boundingBox()
  const middle = box.y + box.height / 2
  await page.mouse.move(box.x + box.width / 2, middle)
  await page.mouse.down()
  await page.mouse.move(box.x + 0.9 * box.width, middle, {steps: 25})
  await page.mouse.up()
  const after = await exact()
  const typed = await page.$(">>> input.typed[data-name=defocus]")
  const defocus = await typed.evaluate((field) => field.value)
  const {length} = await page.screenshot({path: process.env.LIVESTEM_SCREENSHOT})
  console.log(JSON.stringify({
    before, after, defocus, problems, outside, screenshot: length, version: await browser.version(),
  }))
} finally {
  await browser.close()
}
