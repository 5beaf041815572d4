// Chooses light or dark before anything is drawn. A classic script: modules run later.
"use strict";

document.documentElement.dataset.theme = localStorage.getItem("haul-theme") || "auto";
