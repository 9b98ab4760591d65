// The page /-/ota: checks a HEX file before it is uploaded. The server checks everything again.

function crc16(bytes) {
  let crc = 0xffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0xa001 : crc >> 1;
  }
  return crc;
}

// Where avr-gcc places what is not the program: the upper byte of the address.
const OTHER_MEMORY = { 0x80: "RAM", 0x81: "EEPROM", 0x82: "fuse", 0x83: "lock bit", 0x84: "signature", 0x85: "user signature" };

function check(text) {
  const memory = new Map();
  let base = 0, end = 0, ended = false, number = 0;
  for (const line of text.split(/\r\n|\n|\r/)) {
    number += 1;
    if (!line) continue;
    if (ended) return `line ${number}: a record after the end of file record`;
    if (!/^:([0-9A-Fa-f]{2}){5,}$/.test(line)) return `line ${number}: not a record of an Intel HEX file`;
    const record = line.slice(1).match(/../g).map((pair) => parseInt(pair, 16));
    const sum = record.slice(0, -1).reduce((total, byte) => total + byte, 0);
    const hex = (byte) => byte.toString(16).toUpperCase().padStart(2, "0");
    if (record.length !== record[0] + 5) return `line ${number}: ${record.length - 5} bytes of data, the record declares ${record[0]}`;
    if (record.at(-1) !== (-sum & 255)) return `line ${number}: checksum ${hex(record.at(-1))}, expected ${hex(-sum & 255)}`;
    const data = record.slice(4, -1), address = record[1] * 256 + record[2];
    if (record[3] === 0) data.forEach((byte, index) => { memory.set(base + address + index, byte); end = Math.max(end, base + address + index + 1); });
    else if (record[3] === 1) ended = true;
    else if (record[3] === 2) base = (data[0] * 256 + data[1]) * 16;
    else if (record[3] === 4) base = (data[0] * 256 + data[1]) * 65536;
  }
  if (!ended) return "the file ends without an end of file record";
  const other = [...memory.keys()].find((address) => address >= 0x800000);
  if (other !== undefined) return `${OTHER_MEMORY[(other >> 16) & 0xff] ?? "no flash"} data at 0x${other.toString(16).toUpperCase()}: an update carries the program alone`;
  if (!memory.has(0)) return "the data do not start at address 0";
  if (end > 32752) return "larger than any bootloader accepts";
  const bytes = new Uint8Array(Math.ceil(end / 128) * 128).fill(255);
  memory.forEach((byte, address) => { bytes[address] = byte; });
  const crc = crc16(bytes).toString(16).toUpperCase().padStart(4, "0");
  return { summary: `${end.toLocaleString("en")} bytes, ${(bytes.length / 16).toLocaleString("en")} blocks, CRC ${crc}` };
}

document.getElementById("file")?.addEventListener("change", async (event) => {
  const place = document.getElementById("checked");
  const file = event.target.files[0];
  const found = file ? file.size > 1 << 20 ? "too large for a firmware" : check(await file.text()) : { summary: "" };
  place.textContent = typeof found === "string" ? `✗ ${file.name}: ${found}` : found.summary && `✓ ${found.summary}`;
  place.className = typeof found === "string" ? "problem" : "";
});
