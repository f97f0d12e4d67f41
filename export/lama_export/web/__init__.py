"""A model and a page as a folder of plain files, which any host of files serves: everything runs in the browser."""
