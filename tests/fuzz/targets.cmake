# One line per fuzz target; seeds are relative to this folder.
scissionlite_fuzz(image_decode LINK scissionlite_vision SEEDS seeds/image_decode)
scissionlite_fuzz(input_json LINK scissionlite_vision SEEDS seeds/input_json ../fixtures/inputs)
scissionlite_fuzz(onnx_import LINK scissionlite_onnx scissionlite_ops)
scissionlite_fuzz(request LINK scissionlite_server SEEDS seeds/request)
