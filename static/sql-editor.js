// The editor for SQL, on pages that ask for it with ?_edit=1: CodeMirror over the text area, and "Format SQL".
(() => {
  const format = document.getElementById("sql-format");
  const input = document.getElementById("sql-editor");
  if (!input) return;
  const editor = CodeMirror.fromTextArea(input, { lineNumbers: true, mode: "text/x-sql", lineWrapping: true });
  editor.setOption("extraKeys", { "Shift-Enter": () => input.form.submit(), Tab: false });
  editor.getInputField().setAttribute("aria-label", "SQL");
  if (!format) return;
  format.hidden = false;
  format.addEventListener("click", () => editor.setValue(sqlFormatter.format(editor.getValue())));
})();
